"""The doctor: `python -m intel_extension_for_pytorch`. Exit code 1 if something is wrong."""

from __future__ import annotations

import sys

from ._doctor import Section, examine


def main() -> int:
    sections = examine()
    if sys.stdout.isatty():
        try:
            print_tables(sections)
        except ImportError:
            print_plain(sections)
    else:
        print_plain(sections)
    problems = [row for section in sections for row in section.rows if row.problem]
    print()
    if not problems:
        print("All is well: torch.xpu is ready.")
        return 0
    print("Problems:" if len(problems) > 1 else "Problem:")
    for row in problems:
        print(f"  {row.name}: {row.value}")
        if row.remedy:
            print(f"    -> {row.remedy}")
    return 1


def print_plain(sections: list[Section]) -> None:
    width = max(len(row.name) for section in sections for row in section.rows)
    for section in sections:
        print(f"\n{section.title}")
        for row in section.rows:
            print(f"  {'!' if row.problem else ' '} {row.name:<{width}}  {row.value}")


def print_tables(sections: list[Section]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for section in sections:
        table = Table(title=section.title, title_justify="left", show_header=False, expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for row in section.rows:
            style = "bold red" if row.problem else ""
            table.add_row(Text(row.name, style=style), Text(row.value, style=style))
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
