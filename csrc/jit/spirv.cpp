#include "jit/spirv.h"

#include <array>

#include "jit/error.h"
#include "jit/spirv_instruction.h"

namespace ipex::jit {
namespace {

// Capabilities a device may lack, with what in a kernel calls for them.
struct Optional {
  std::uint32_t capability;
  enum Need { FloatType, IntegerAtomic, FloatAdd, FloatMinMax } need;
  std::uint32_t width;
  const char* extension;
};
constexpr std::array optional_capabilities = {
    Optional{8, Optional::FloatType, 16, ""},   // Float16Buffer
    Optional{9, Optional::FloatType, 16, ""},   // Float16
    Optional{10, Optional::FloatType, 64, ""},  // Float64
    Optional{12, Optional::IntegerAtomic, 64, ""},
    Optional{6095, Optional::FloatAdd, 16, "SPV_EXT_shader_atomic_float16_add"},
    Optional{6033, Optional::FloatAdd, 32, "SPV_EXT_shader_atomic_float_add"},
    Optional{6034, Optional::FloatAdd, 64, "SPV_EXT_shader_atomic_float_add"},
    Optional{5616, Optional::FloatMinMax, 16, "SPV_EXT_shader_atomic_float_min_max"},
    Optional{5612, Optional::FloatMinMax, 32, "SPV_EXT_shader_atomic_float_min_max"},
    Optional{5613, Optional::FloatMinMax, 64, "SPV_EXT_shader_atomic_float_min_max"},
};

constexpr std::uint32_t none = UINT32_MAX;

struct Function {
  std::size_t first, last;  // range of instructions
};

// A kernel whose work-groups have one work-item computes with vectors itself. The CPU's compiler makes a
// version of 16 work-items all the same, many times larger, unless it is told.
bool is_group_of_one(Instruction mode) {
  constexpr std::uint32_t local_size = 17;
  return opcode(mode) == OpExecutionMode && mode.size() == 6 && mode[2] == local_size && mode[3] == 1 &&
         mode[4] == 1 && mode[5] == 1;
}
std::array<std::uint32_t, 4> vector_hint(std::uint32_t entry_point) {
  constexpr std::uint32_t vec_type_hint = 30, float_type = 5, lanes = 16;
  return {4u << 16 | OpExecutionMode, entry_point, vec_type_hint, lanes << 16 | float_type};
}

}  // namespace

struct SpirvModule::Parsed {
  explicit Parsed(std::span<const std::byte> bytes);

  std::span<const Instruction> globals() const { return std::span(instructions).first(first_function); }
  std::span<const Instruction> body(std::uint32_t function) const {
    const auto [first, last] = functions[function];
    return std::span(instructions).subspan(first, last - first);
  }
  // Width of the number type `id`, 0 if it is none.
  std::uint32_t width(std::uint32_t id) const {
    if (id >= definition.size() || definition[id] == none) return 0;
    const Instruction type = instructions[definition[id]];
    return contains({OpTypeInt, OpTypeFloat}, opcode(type)) ? type[2] : 0;
  }

  std::vector<std::uint32_t> words;
  std::vector<Instruction> instructions;
  std::size_t first_function;
  std::vector<Function> functions;
  std::vector<std::uint32_t> definition;   // id -> instruction outside of functions, or none
  std::vector<std::uint32_t> function_of;  // id -> the function of this id, or none
  std::vector<std::uint32_t> owner;        // id -> the function inside which it is defined, or none
};

SpirvModule::Parsed::Parsed(std::span<const std::byte> bytes) : words(bytes.size() / sizeof(std::uint32_t)) {
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint32_t));
  if (words.size() < header_words || words[0] != magic) throw Error("not a SPIR-V module");
  for (std::size_t i = header_words; i < words.size();) {
    const std::size_t size = words[i] >> 16;
    if (size == 0 || i + size > words.size()) throw Error("damaged SPIR-V module");
    instructions.emplace_back(words.data() + i, size);
    i += size;
  }

  const std::uint32_t bound = words[3];
  for (auto* table : {&definition, &function_of, &owner}) table->assign(bound, none);
  const auto set = [&](std::vector<std::uint32_t>& table, Instruction x, std::size_t word,
                       std::size_t value) {
    if (word != 0 && word < x.size() && x[word] < bound) table[x[word]] = static_cast<std::uint32_t>(value);
  };
  first_function = instructions.size();
  bool inside = false;
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    const Instruction x = instructions[i];
    const int op = opcode(x);
    if (op == OpFunction) {
      first_function = std::min(first_function, i);
      set(function_of, x, 2, functions.size());
      functions.push_back({i, i});
      inside = true;
    }
    if (!inside) {
      set(definition, x, global_result_word(op), i);
      continue;
    }
    set(owner, x, result_word(op), functions.size() - 1);
    functions.back().last = i + 1;
    inside = op != OpFunctionEnd;
  }
}

// What one entry point reaches.
class SpirvModule::Reachable {
 public:
  Reachable(const Parsed& module, Instruction entry)
      : module_(module), live_(module.definition.size()), live_function_(module.functions.size()) {
    mark(entry[2]);
    const std::size_t interface = 3 + text_at(entry, 3).size() / sizeof(std::uint32_t) + 1;
    for (std::size_t i = interface; i < entry.size(); ++i) mark(entry[i]);
    spread();
    for (const Instruction x : module.globals()) {
      const int op = opcode(x);
      if (op == OpGroupDecorate && decorates(x)) mark(x[1]);
      if ((op == OpDecorateId && has(x[1])) || (op == OpExecutionModeId && x[1] == entry[2])) {
        for (std::size_t i = 3; i < x.size(); ++i) mark(x[i]);
      }
    }
    spread();
  }

  bool has(std::uint32_t id) const {
    if (id >= live_.size()) return false;
    if (module_.definition[id] != none) return live_[id];
    return module_.owner[id] != none && has_function(module_.owner[id]);
  }
  bool has_function(std::uint32_t function) const { return live_function_[function]; }
  bool decorates(Instruction group_decorate) const {
    return std::any_of(group_decorate.begin() + 2, group_decorate.end(), [this](auto id) { return has(id); });
  }

 private:
  void mark(std::uint32_t id) {
    if (id >= live_.size() || live_[id]) return;
    live_[id] = true;
    todo_.push_back(id);
  }
  void spread() {
    const auto visit = [this](std::uint32_t id) { mark(id); };
    while (!todo_.empty()) {
      const std::uint32_t id = todo_.back();
      todo_.pop_back();
      if (const auto at = module_.definition[id]; at != none)
        for_each_reference(module_.instructions[at], visit);
      const std::uint32_t function = module_.function_of[id];
      if (function == none) continue;
      live_function_[function] = true;
      for (const Instruction x : module_.body(function)) for_each_reference(x, visit);
    }
  }

  const Parsed& module_;
  std::vector<bool> live_;
  std::vector<bool> live_function_;
  std::vector<std::uint32_t> todo_;
};

// The optional capabilities that nothing reachable calls for.
class SpirvModule::Unneeded {
 public:
  Unneeded(const Parsed& module, const Reachable& reachable) {
    for (const Instruction x : module.globals()) {
      if (opcode(x) == OpTypeFloat && reachable.has(x[1])) need(Optional::FloatType, x[2]);
    }
    for (std::uint32_t function = 0; function < module.functions.size(); ++function) {
      if (!reachable.has_function(function)) continue;
      for (const Instruction x : module.body(function)) {
        const int op = opcode(x);
        if (op == OpAtomicStore)
          need(Optional::IntegerAtomic, 64);  // has no result to tell its width by
        else if (op >= OpAtomicLoad && op <= OpAtomicXor)
          need(Optional::IntegerAtomic, module.width(x[1]));
        else if (op == OpAtomicFAddEXT)
          need(Optional::FloatAdd, module.width(x[1]));
        else if (op == OpAtomicFMinEXT || op == OpAtomicFMaxEXT)
          need(Optional::FloatMinMax, module.width(x[1]));
      }
    }
  }

  bool has_capability(std::uint32_t capability) const {
    return any([&](const Optional& o) { return o.capability == capability && !needed(o); });
  }
  bool has_extension(const std::string& name) const {
    return any([&](const Optional& o) { return o.extension == name; }) &&
           !any([&](const Optional& o) { return o.extension == name && needed(o); });
  }

 private:
  template <class Predicate>
  static bool any(Predicate predicate) {
    return std::any_of(optional_capabilities.begin(), optional_capabilities.end(), predicate);
  }
  void need(Optional::Need what, std::uint32_t width) { needs_.emplace_back(what, width); }
  bool needed(const Optional& o) const {
    return std::find(needs_.begin(), needs_.end(), std::pair(o.need, o.width)) != needs_.end();
  }

  std::vector<std::pair<Optional::Need, std::uint32_t>> needs_;
};

Bytes SpirvModule::extract(std::string_view entry_point) const {
  const auto globals = parsed_->globals();
  const auto entry = std::find_if(globals.begin(), globals.end(), [&](Instruction x) {
    return opcode(x) == OpEntryPoint && text_at(x, 3) == entry_point;
  });
  if (entry == globals.end())
    throw Error("no kernel '" + std::string(entry_point) + "' in the SPIR-V module");
  const Reachable reachable(*parsed_, *entry);
  const Unneeded unneeded(*parsed_, reachable);

  std::vector<std::uint32_t> out(parsed_->words.begin(), parsed_->words.begin() + header_words);
  const auto write = [&](Instruction x) { out.insert(out.end(), x.begin(), x.end()); };
  for (const Instruction x : globals) {
    switch (const int op = opcode(x)) {
      case OpSource:
      case OpSourceExtension:
      case OpLine:
      case OpNoLine:
      case OpModuleProcessed:
        break;
      case OpEntryPoint:
        if (x.data() == entry->data()) write(x);
        break;
      case OpExecutionMode:
      case OpExecutionModeId:
        if (x[1] == (*entry)[2]) write(x);
        if (x[1] == (*entry)[2] && is_group_of_one(x)) write(vector_hint(x[1]));
        break;
      case OpCapability:
        if (!unneeded.has_capability(x[1])) write(x);
        break;
      case OpExtension:
        if (!unneeded.has_extension(text_at(x, 1))) write(x);
        break;
      case OpExtInstImport:
        write(x);
        break;
      case OpName:
      case OpMemberName:
      case OpDecorate:
      case OpMemberDecorate:
      case OpDecorateId:
      case OpDecorateString:
      case OpMemberDecorateString:
      case OpTypeForwardPointer:
        if (reachable.has(x[1])) write(x);
        break;
      case OpGroupDecorate: {
        std::vector<std::uint32_t> kept{x[0], x[1]};
        std::copy_if(x.begin() + 2, x.end(), std::back_inserter(kept),
                     [&](auto id) { return reachable.has(id); });
        kept[0] = static_cast<std::uint32_t>(kept.size() << 16) | OpGroupDecorate;
        if (kept.size() > 2) write(kept);
        break;
      }
      default: {
        const std::size_t result = global_result_word(op);
        if (result == 0 || reachable.has(x[result])) write(x);
      }
    }
  }
  for (std::uint32_t function = 0; function < parsed_->functions.size(); ++function) {
    if (!reachable.has_function(function)) continue;
    for (const Instruction x : parsed_->body(function)) write(x);
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(out.data());
  return Bytes(bytes, bytes + out.size() * sizeof(std::uint32_t));
}

SpirvModule::SpirvModule(std::span<const std::byte> bytes) : parsed_(std::make_unique<Parsed>(bytes)) {}
SpirvModule::~SpirvModule() = default;

std::vector<std::string> SpirvModule::entry_points() const {
  std::vector<std::string> names;
  for (const Instruction x : parsed_->globals()) {
    if (opcode(x) == OpEntryPoint) names.push_back(text_at(x, 3));
  }
  return names;
}

std::string entry_point_of(std::span<const std::byte> spirv) {
  const auto names = SpirvModule(spirv).entry_points();
  if (names.size() != 1)
    throw Error("expected one kernel in the SPIR-V module, found " + std::to_string(names.size()));
  return names[0];
}

}  // namespace ipex::jit
