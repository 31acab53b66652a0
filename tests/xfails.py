"""What PyTorch's operator database asks of xpu and does not get, each with its reason."""

# By the case of tests/test_opinfo.py, check-operator-dtype; * stands for anything.
XFAILS: dict[str, str] = {
    "*-native_dropout_backward-int*": "gradients are floating",
    "*-native_dropout_backward-uint8": "gradients are floating",
    "*-native_dropout_backward-bool": "gradients are floating",
    "*-jiterator_*": "stock PyTorch has it for CUDA only",
    "*-tensor_split-*": "stock PyTorch takes a tensor of indices only on the CPU",
    "out-normal*": "stock PyTorch infers the shape from out, which must not be empty",
    "[!i]*polygamma*-int[81]*": "stock PyTorch is finite at the poles of trigamma",
    "*-special_bessel_*-float64": "stock PyTorch leaves out a coefficient: off by 1e-6 near 5",
    "*-special_airy_ai-float64": "stock PyTorch leaves out a coefficient",
    "*-_upsample_bilinear2d_aa-uint8": "stock PyTorch rounds the weights to 16 bits",
    "*-nn_functional_*_bilinear-uint8": "stock PyTorch rounds the weights to 16 bits",
    "*-nn_functional_*_bicubic-uint8": "stock PyTorch takes another cubic for uint8 than for float",
    "out-sparse_sampled_addmm-*": "the test asks for is_contiguous, which sparse tensors have not",
    "gradient*-nn_functional_hardsigmoid-float64": "stock PyTorch rounds 1/6 to float32",
    "gradient_drawn-as_strided_scatter-*": "stock PyTorch reads a gradient of one element from the "
    "beginning of its memory",
    "out-histogramdd-*": "stock PyTorch has no overload with out",
    "out-equal-*": "the result is a bool of Python's, not a tensor",
    "out-_batch_norm_with_update-*": "the four outputs have names of their own, none is out",
}
# On devices that lack it.
NEEDS_DOUBLE: dict[str, str] = {
    "*-bincount-*int*": "counts of integer weights are float64",
}
# A place that float32 rounds to the other side of an element or a border has another value or
# slope: the reference has to round alike.
DISCONTINUOUS = {
    "grid_sampler_2d",
    "grid_sampler_3d",
    "histc",
    "histogram",
    "histogramdd",
    "nn.functional.grid_sample",
}
# Operators whose result loses digits by nature: factor on the tolerances.
WIDE_TOLERANCES: dict[str, float] = {
    # Places between elements, in float32, make the weights.
    "grid_sampler_2d": 10,
    "grid_sampler_3d": 10,
    "_upsample_bilinear2d_aa": 10,
    # Long sums of products that cancel.
    "nn_functional_conv_transpose3d": 10,
    "nn_functional_multi_head_attention_forward": 10,
    # The bias is added to a rounded sum.
    "nn_functional_conv_transpose2d": 10,
    # The samples' reflectors are no reflections: products of them cancel.
    "linalg_householder_product": 200,
}
# Operators whose steps are sums that cancel: in half precision the error of a result is a part of
# its largest element. Attention's samples have weights so sharp that a rounded score changes them.
CANCELLING = {"nn_functional_multi_head_attention_forward"}
# The same as WIDE_TOLERANCES for gradients.
WIDE_GRADIENTS: dict[str, float] = {
    # Products that cancel.
    "cov": 10,
    "nn_functional_conv3d": 10,
    # They divide by the differences of singular values.
    "linalg_svd": 10,
    "svd": 10,
    # They are differences of logarithms.
    "nn_functional_ctc_loss": 10,
    "logcumsumexp": 100,
}
# Made of several operators, which stock PyTorch rounds one by one: in half precision what it makes
# in that dtype is right too.
HALF_STEPS = {
    # Differences of rounded differences; products of rounded products.
    "diff",
    "gradient",
    "linalg.multi_dot",
    "linalg.vecdot",
    "nn.functional.bilinear",
    # Logarithms of rounded exponentials, sums of rounded margins.
    "nn.functional.poisson_nll_loss",
    "nn.functional.binary_cross_entropy_with_logits",
    "nn.functional.hinge_embedding_loss",
    "nn.functional.soft_margin_loss",
    # Gradients: the sum of a rounded product, a product that overflows before it is made smaller.
    "__rmul__",
    "__rpow__",
    "mul",
    "pow",
    "polygamma",
    "special.polygamma",
    "ldexp",
    # Squares of rounded squares, on the CPU, that overflow.
    "matrix_exp",
    # A cast to the dtype that the input has is no operation, and has no gradient.
    "bfloat16",
    "double",
    "float",
    "half",
}
# Operators whose result depends on the strides of their input.
READS_STRIDES = {
    "as_strided",
    "as_strided_copy",
    "as_strided_scatter",
    "resize_",
    "resize_as_",
    # The tensor itself where it lies as asked for.
    "contiguous",
    "to",
}
