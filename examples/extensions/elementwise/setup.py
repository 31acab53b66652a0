from setuptools import setup

from intel_extension_for_pytorch.xpu.cpp_extension import DpcppBuildExtension, DPCPPExtension

setup(
    name="swish_mul",
    version="1.0",
    ext_modules=[
        DPCPPExtension(
            "swish_mul",
            ["swish_mul.cpp", "swish_mul.sycl.cpp"],
            kernels=["elementwise:swish_mul/2:float,bfloat16"],
        )
    ],
    cmdclass={"build_ext": DpcppBuildExtension},
)
