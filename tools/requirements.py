"""Prints the requirements pyproject.toml names, one a line: `build`, or an extra such as `lint`."""

import pathlib
import sys

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib


def main() -> None:
    text = pathlib.Path(__file__).parents[1].joinpath("pyproject.toml").read_text()
    project = tomllib.loads(text)
    name = sys.argv[1]
    if name == "build":
        requirements = project["build-system"]["requires"]
    else:
        requirements = project["project"]["optional-dependencies"][name]
    print("\n".join(requirements))


if __name__ == "__main__":
    main()
