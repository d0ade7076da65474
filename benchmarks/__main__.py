"""Runs benchmarks in turn, saves their results, and writes the tables of the docs: `make bench`."""

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from types import ModuleType

from benchmarks import BENCHMARKS, NEEDED, results, timing


def main(arguments: Sequence[str]) -> int:
    """Runs the named benchmarks, or all. A failed benchmark does not keep the others from running."""
    asked = _asked(arguments)
    lacking = {name: needed for name, needed in NEEDED.items() if find_spec(needed.module) is None}
    if missing := [f"{name} {lacking[name]}" for name in asked.names if name in lacking]:
        print(*missing, sep="\n", file=sys.stderr)
        return 2
    names = asked.names or [name for name in BENCHMARKS if name not in lacking]
    for name in lacking if not asked.names else ():
        print(f"{name} is left out: it {lacking[name]}")
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    expected = sum(module.EXPECTED_SECONDS for module in modules.values())
    print(f"{len(modules)} benchmarks" + ("" if asked.quick else f", about {expected / 60:.0f} minutes on idle cores"))
    failed = [name for name, module in modules.items() if not _one(name, module, quick=asked.quick)]
    if failed:
        print(f"failed: {', '.join(failed)}; their figures in the docs are the former ones", file=sys.stderr)
    return 1 if failed else 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", allow_abbrev=False, description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument(
        "--quick", action="store_true", help="little of everything, to see that it runs; prints, and writes nothing"
    )
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in BENCHMARKS]:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return asked


def _one(name: str, module: ModuleType, *, quick: bool) -> bool:
    print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
    began = time.monotonic()
    try:
        result: results.Result = module.run(quick=quick)
    except Exception:  # noqa: BLE001  whatever it is, the others run
        traceback.print_exc()
        return False
    facts = results.machine()
    print("\n\n".join(["", *(table.markdown() for table in result.tables), results.told(facts)]))
    print(f"\n{name} took {time.monotonic() - began:.0f} s of {module.EXPECTED_SECONDS} expected", flush=True)
    if not quick and result.is_for_docs:
        results.keep(name, result, facts)
        for page in results.fill(name, result, facts, among=results.pages()):
            print(f"filled in {page.relative_to(timing.ROOT)}")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
