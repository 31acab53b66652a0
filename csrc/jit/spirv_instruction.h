#pragma once

// The shape of SPIR-V instructions, as far as taking a module apart needs it.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>

namespace ipex::jit {

// The few opcodes that matter here, by their numbers in the SPIR-V specification.
enum Op : int {
  OpNop = 0,
  OpUndef = 1,
  OpSource = 3,
  OpSourceExtension = 4,
  OpName = 5,
  OpMemberName = 6,
  OpString = 7,
  OpLine = 8,
  OpExtension = 10,
  OpExtInstImport = 11,
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
  OpDecorationGroup = 73,
  OpGroupDecorate = 74,
  OpVectorShuffle = 79,
  OpCompositeExtract = 81,
  OpCompositeInsert = 82,
  OpControlBarrier = 224,
  OpMemoryBarrier = 225,
  OpAtomicLoad = 227,
  OpAtomicStore = 228,
  OpAtomicXor = 242,
  OpLoopMerge = 246,
  OpSelectionMerge = 247,
  OpLabel = 248,
  OpBranch = 249,
  OpBranchConditional = 250,
  OpSwitch = 251,
  OpKill = 252,
  OpReturn = 253,
  OpReturnValue = 254,
  OpUnreachable = 255,
  OpLifetimeStart = 256,
  OpLifetimeStop = 257,
  OpGroupWaitEvents = 260,
  OpGroupIAdd = 264,
  OpGroupSMax = 271,
  OpNoLine = 317,
  OpAtomicFlagClear = 319,
  OpModuleProcessed = 330,
  OpExecutionModeId = 331,
  OpDecorateId = 332,
  OpGroupNonUniformBallotBitCount = 342,
  OpGroupNonUniformIAdd = 349,
  OpGroupNonUniformLogicalXor = 364,
  OpAsmTargetINTEL = 5609,
  OpAsmINTEL = 5610,
  OpAtomicFMinEXT = 5614,
  OpAtomicFMaxEXT = 5615,
  OpAssumeTrueKHR = 5630,
  OpDecorateString = 5632,
  OpMemberDecorateString = 5633,
  OpAtomicFAddEXT = 6035,
};

inline constexpr std::size_t header_words = 5;
inline constexpr std::uint32_t magic = 0x07230203;

using Instruction = std::span<const std::uint32_t>;
inline int opcode(Instruction x) { return static_cast<int>(x[0] & 0xffff); }

inline bool contains(std::initializer_list<int> values, int value) {
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
    case OpAsmTargetINTEL:
      return;
    case OpAsmINTEL:
      return words(1, 2), words(3, 5);
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
inline std::size_t result_word(int op) {
  if (op == OpLabel) return 1;
  const bool silent = contains({OpNop, OpLine, OpNoLine, OpStore, OpCopyMemory, OpCopyMemorySized,
                                OpFunctionEnd, OpControlBarrier, OpMemoryBarrier, OpAtomicStore,
                                OpAtomicFlagClear, OpGroupWaitEvents, OpAssumeTrueKHR},
                               op) ||
                      (op >= OpLoopMerge && op <= OpLifetimeStop);  // control flow
  return silent ? 0 : 2;
}

// Result of an instruction between the annotations and the functions: types have it first, the others second.
inline std::size_t global_result_word(int op) {
  if (contains({OpString, OpExtInstImport, OpDecorationGroup, OpAsmTargetINTEL}, op)) return 1;
  if (op >= OpTypeVoid && op < OpTypeForwardPointer) return 1;
  if (contains({OpUndef, OpExtInst, OpVariable, OpAsmINTEL}, op)) return 2;
  return op >= OpConstantTrue && op < OpFunction ? 2 : 0;  // constants
}

inline std::string text_at(Instruction x, std::size_t word) {
  if (word >= x.size()) return {};
  const auto* text = reinterpret_cast<const char*>(x.data() + word);
  return std::string(text, strnlen(text, (x.size() - word) * sizeof(std::uint32_t)));
}

}  // namespace ipex::jit
