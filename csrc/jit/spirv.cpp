#include "jit/spirv.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "jit/error.h"

namespace ipex::jit {
namespace {

// The few opcodes that matter here, by their numbers in the SPIR-V specification.
enum Op : std::uint16_t {
  OpUndef = 1,
  OpName = 5,
  OpMemberName = 6,
  OpExtension = 10,
  OpExtInst = 12,
  OpEntryPoint = 15,
  OpExecutionMode = 16,
  OpCapability = 17,
  OpTypeVoid = 19,
  OpTypeInt = 21,
  OpTypeFloat = 22,
  OpTypeVector = 23,
  OpTypeOpaque = 31,
  OpTypePointer = 32,
  OpTypePipe = 38,
  OpTypeForwardPointer = 39,
  OpConstantTrue = 41,
  OpConstant = 43,
  OpConstantComposite = 44,
  OpConstantNull = 46,
  OpSpecConstant = 50,
  OpSpecConstantOp = 52,
  OpFunction = 54,
  OpFunctionParameter = 55,
  OpFunctionEnd = 56,
  OpVariable = 59,
  OpLoad = 61,
  OpStore = 62,
  OpCopyMemory = 63,
  OpCopyMemorySized = 64,
  OpDecorate = 71,
  OpMemberDecorate = 72,
  OpGroupDecorate = 74,
  OpVectorShuffle = 79,
  OpCompositeExtract = 81,
  OpCompositeInsert = 82,
  OpAtomicLoad = 227,
  OpAtomicStore = 228,
  OpAtomicXor = 242,
  OpLoopMerge = 246,
  OpSelectionMerge = 247,
  OpLabel = 248,
  OpBranch = 249,
  OpBranchConditional = 250,
  OpSwitch = 251,
  OpGroupIAdd = 264,
  OpGroupSMax = 271,
  OpExecutionModeId = 331,
  OpDecorateId = 332,
  OpGroupNonUniformBallotBitCount = 342,
  OpGroupNonUniformIAdd = 349,
  OpGroupNonUniformLogicalXor = 364,
  OpAtomicFMinEXT = 5614,
  OpAtomicFMaxEXT = 5615,
  OpDecorateString = 5632,
  OpMemberDecorateString = 5633,
  OpAtomicFAddEXT = 6035,
};

constexpr std::size_t header_words = 5;
constexpr std::uint32_t magic = 0x07230203;

using Instruction = std::span<const std::uint32_t>;
std::uint16_t opcode(Instruction x) { return static_cast<std::uint16_t>(x[0] & 0xffff); }

bool contains(std::initializer_list<int> values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// Calls visit(id) for what the instruction refers to. Literals are left out for every instruction known to
// carry some; of an unknown one each word is taken for an id, which can only keep too much.
template <class Visit>
void for_each_reference(Instruction x, Visit visit) {
  const int op = opcode(x);
  const auto words = [&](std::size_t first, std::size_t last = SIZE_MAX) {
    for (std::size_t i = first; i < std::min(last, x.size()); ++i) visit(x[i]);
  };
  if (contains({OpLabel, OpBranch, OpLoopMerge, OpSelectionMerge, OpTypeOpaque, OpTypePipe}, op)) return;
  if (op >= OpTypeVoid && op <= OpTypeFloat) return;
  if (op >= OpConstantTrue && op <= OpConstant) return words(1, 2);
  if (op >= OpConstantNull && op <= OpSpecConstant) return words(1, 2);
  if (op >= OpGroupIAdd && op <= OpGroupSMax) return words(1, 2), words(3, 4), words(5);
  if (op >= OpGroupNonUniformIAdd && op <= OpGroupNonUniformLogicalXor)
    return words(1, 2), words(3, 4), words(5);
  switch (op) {
    case OpUndef:
    case OpBranchConditional:
    case OpSwitch:
    case OpFunctionParameter:
      return words(1, 2);
    case OpTypeVector:
      return words(2, 3);
    case OpTypePointer:
      return words(3);
    case OpSpecConstantOp:
      return words(1, 2), words(4);
    case OpFunction:
    case OpVariable:
      return words(1, 2), words(4);
    case OpLoad:
    case OpCompositeExtract:
      return words(1, 2), words(3, 4);
    case OpStore:
    case OpCopyMemory:
      return words(1, 3);
    case OpCopyMemorySized:
      return words(1, 4);
    case OpCompositeInsert:
    case OpVectorShuffle:
      return words(1, 2), words(3, 5);
    case OpExtInst:
    case OpGroupNonUniformBallotBitCount:
      return words(1, 2), words(3, 4), words(5);
    default:
      words(1);
  }
}

// Where an instruction of a function body has its result; 0 if it has none.
std::size_t result_word(int op) {
  if (op == OpLabel) return 1;
  return contains({0,
                   8,
                   317,
                   OpStore,
                   OpCopyMemory,
                   OpCopyMemorySized,
                   OpFunctionEnd,
                   224,
                   225,
                   OpAtomicStore,
                   246,
                   247,
                   249,
                   250,
                   251,
                   252,
                   253,
                   254,
                   255,
                   256,
                   257,
                   260,
                   319,
                   5630},
                  op)
             ? 0
             : 2;
}

// Result of an instruction between the annotations and the functions: types have it first, the others second.
std::size_t global_result_word(int op) {
  if (op == 7 || op == 11 || op == 73) return 1;                // string, import, decoration group
  if (op >= OpTypeVoid && op < OpTypeForwardPointer) return 1;  // types
  if (op == OpUndef || op == OpExtInst || op == OpVariable) return 2;
  return op >= OpConstantTrue && op < OpFunction ? 2 : 0;  // constants
}

std::string text_at(Instruction x, std::size_t word) {
  if (word >= x.size()) return {};
  const auto* text = reinterpret_cast<const char*>(x.data() + word);
  return std::string(text, strnlen(text, (x.size() - word) * sizeof(std::uint32_t)));
}

struct Function {
  std::size_t first, last;  // range of instructions
};

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

}  // namespace

struct SpirvModule::Parsed {
  std::vector<std::uint32_t> words;
  std::vector<Instruction> instructions;
  std::size_t first_function = 0;
  std::vector<Function> functions;
  std::vector<std::uint32_t> definition;  // id -> global instruction, or none
  std::vector<std::uint32_t> function;    // id -> function with this id, or none
  std::vector<std::uint32_t> owner;       // id -> function that defines it inside, or none

  explicit Parsed(std::span<const std::byte> bytes) : words(bytes.size() / sizeof(std::uint32_t)) {
    std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint32_t));
    if (words.size() < header_words || words[0] != magic) throw Error("not a SPIR-V module");
    for (std::size_t i = header_words; i < words.size();) {
      const std::size_t size = words[i] >> 16;
      if (size == 0 || i + size > words.size()) throw Error("damaged SPIR-V module");
      instructions.emplace_back(words.data() + i, size);
      i += size;
    }
    index();
  }

  void index() {
    const std::uint32_t bound = words[3];
    for (auto* table : {&definition, &function, &owner}) table->assign(bound, none);
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
        set(function, x, 2, functions.size());
        functions.push_back({i, i});
        inside = true;
      } else if (!inside) {
        set(definition, x, global_result_word(op), i);
        continue;
      }
      set(owner, x, result_word(op), functions.size() - 1);
      if (op == OpFunctionEnd) {
        functions.back().last = i + 1;
        inside = false;
      }
    }
  }
};

namespace {

// Marks what an entry point reaches, then writes it out.
class Extraction {
 public:
  using Parsed = std::vector<Instruction>;

  template <class Module>
  static Bytes run(const Module& module, Instruction entry) {
    const auto& all = module.instructions;
    const std::size_t bound = module.definition.size();
    std::vector<bool> live(bound), live_function(module.functions.size());
    std::vector<std::uint32_t> todo;
    const auto mark = [&](std::uint32_t id) {
      if (id >= bound || live[id]) return;
      live[id] = true;
      todo.push_back(id);
    };
    const auto spread = [&] {
      while (!todo.empty()) {
        const std::uint32_t id = todo.back();
        todo.pop_back();
        if (module.definition[id] != none) for_each_reference(all[module.definition[id]], mark);
        const std::uint32_t function = module.function[id];
        if (function == none) continue;
        live_function[function] = true;
        for (auto i = module.functions[function].first; i < module.functions[function].last; ++i) {
          for_each_reference(all[i], mark);
        }
      }
    };
    const auto alive = [&](std::uint32_t id) {
      if (id >= bound) return false;
      if (module.definition[id] != none) return static_cast<bool>(live[id]);
      return module.owner[id] != none && live_function[module.owner[id]];
    };

    const std::size_t interface = 3 + text_at(entry, 3).size() / sizeof(std::uint32_t) + 1;
    mark(entry[2]);
    for (std::size_t i = interface; i < entry.size(); ++i) mark(entry[i]);
    spread();
    for (std::size_t i = 0; i < module.first_function; ++i) {
      const Instruction x = all[i];
      const int op = opcode(x);
      if (op == OpGroupDecorate && std::any_of(x.begin() + 2, x.end(), alive)) mark(x[1]);
      if ((op == OpDecorateId && alive(x[1])) || (op == OpExecutionModeId && x[1] == entry[2])) {
        std::for_each(x.begin() + 3, x.end(), mark);
      }
    }
    spread();

    const std::vector<Optional> dropped = unused(module, live, live_function);
    std::vector<std::uint32_t> out(module.words.begin(), module.words.begin() + header_words);
    const auto write = [&](Instruction x) { out.insert(out.end(), x.begin(), x.end()); };
    for (std::size_t i = 0; i < module.first_function; ++i) {
      const Instruction x = all[i];
      const int op = opcode(x);
      if (contains({3, 4, 8, 317, 330}, op)) continue;  // sources, lines, history
      if (op == OpEntryPoint && x.data() != entry.data()) continue;
      if (contains({OpExecutionMode, OpExecutionModeId}, op) && x[1] != entry[2]) continue;
      if (contains({OpName, OpMemberName, OpDecorate, OpMemberDecorate, OpDecorateId, OpDecorateString,
                    OpMemberDecorateString, OpTypeForwardPointer},
                   op) &&
          !alive(x[1])) {
        continue;
      }
      if (op == OpCapability && std::any_of(dropped.begin(), dropped.end(),
                                            [&](const Optional& o) { return o.capability == x[1]; })) {
        continue;
      }
      if (op == OpExtension && !needs_extension(text_at(x, 1), dropped)) continue;
      if (op == OpGroupDecorate) {
        std::vector<std::uint32_t> kept{x[0], x[1]};
        std::copy_if(x.begin() + 2, x.end(), std::back_inserter(kept), alive);
        kept[0] = static_cast<std::uint32_t>(kept.size() << 16) | OpGroupDecorate;
        if (kept.size() > 2) write(kept);
        continue;
      }
      const std::size_t result = global_result_word(op);
      const bool import = op == 11;
      if (result != 0 && !import && !live[x[result]]) continue;
      write(x);
    }
    for (std::size_t f = 0; f < module.functions.size(); ++f) {
      if (!live_function[f]) continue;
      for (auto i = module.functions[f].first; i < module.functions[f].last; ++i) write(all[i]);
    }
    const auto* bytes = reinterpret_cast<const std::byte*>(out.data());
    return Bytes(bytes, bytes + out.size() * sizeof(std::uint32_t));
  }

 private:
  template <class Module>
  static std::vector<Optional> unused(const Module& module, const std::vector<bool>& live,
                                      const std::vector<bool>& live_function) {
    std::vector<Optional> used;
    const auto use = [&](Optional::Need need, std::uint32_t width) { used.push_back({0, need, width, ""}); };
    for (std::size_t i = 0; i < module.first_function; ++i) {
      const Instruction x = module.instructions[i];
      if (opcode(x) == OpTypeFloat && live[x[1]]) use(Optional::FloatType, x[2]);
    }
    const auto width = [&](std::uint32_t type) {
      const std::uint32_t at = module.definition[type];
      return at == none ? 0 : module.instructions[at][2];
    };
    for (std::size_t f = 0; f < module.functions.size(); ++f) {
      if (!live_function[f]) continue;
      for (auto i = module.functions[f].first; i < module.functions[f].last; ++i) {
        const Instruction x = module.instructions[i];
        const int op = opcode(x);
        if (op == OpAtomicStore)
          use(Optional::IntegerAtomic, 64);  // has no result to tell its width by
        else if (op >= OpAtomicLoad && op <= OpAtomicXor)
          use(Optional::IntegerAtomic, width(x[1]));
        else if (op == OpAtomicFAddEXT)
          use(Optional::FloatAdd, width(x[1]));
        else if (op == OpAtomicFMinEXT || op == OpAtomicFMaxEXT)
          use(Optional::FloatMinMax, width(x[1]));
      }
    }
    std::vector<Optional> dropped;
    std::copy_if(optional_capabilities.begin(), optional_capabilities.end(), std::back_inserter(dropped),
                 [&](const Optional& o) {
                   return std::none_of(used.begin(), used.end(), [&](const Optional& u) {
                     return u.need == o.need && u.width == o.width;
                   });
                 });
    return dropped;
  }

  static bool needs_extension(const std::string& name, const std::vector<Optional>& dropped) {
    const auto names = [&](const Optional& o) { return name == o.extension; };
    const auto known = std::count_if(optional_capabilities.begin(), optional_capabilities.end(), names);
    return known == 0 || std::count_if(dropped.begin(), dropped.end(), names) < known;
  }
};

}  // namespace

SpirvModule::SpirvModule(std::span<const std::byte> bytes) : parsed_(std::make_unique<Parsed>(bytes)) {}
SpirvModule::~SpirvModule() = default;

std::vector<std::string> SpirvModule::entry_points() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < parsed_->first_function; ++i) {
    const Instruction x = parsed_->instructions[i];
    if (opcode(x) == OpEntryPoint) names.push_back(text_at(x, 3));
  }
  return names;
}

Bytes SpirvModule::extract(std::string_view entry_point) const {
  for (std::size_t i = 0; i < parsed_->first_function; ++i) {
    const Instruction x = parsed_->instructions[i];
    if (opcode(x) == OpEntryPoint && text_at(x, 3) == entry_point) return Extraction::run(*parsed_, x);
  }
  throw Error("no kernel '" + std::string(entry_point) + "' in the SPIR-V module");
}

std::string entry_point_of(std::span<const std::byte> spirv) {
  const auto names = SpirvModule(spirv).entry_points();
  if (names.size() != 1)
    throw Error("expected one kernel in the SPIR-V module, found " + std::to_string(names.size()));
  return names[0];
}

}  // namespace ipex::jit
