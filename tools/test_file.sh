#!/bin/bash
# test_file.sh FILE PYTHON [OPTION ...]: runs the tests of a file in a process of its own and prints what it said when
# it has ended, so that files which run side by side do not mix their lines.
file=$1 python=$2
shift 2
start=$SECONDS
output=$("$python" -m pytest -q "$@" "$file" 2>&1)
status=$?
# Pytest's word for a file in which the options select no test.
[ $status -eq 5 ] && status=0
printf -- '-- %s: %s, %d s\n%s\n' "$file" "$([ $status -eq 0 ] && echo passed || echo FAILED)" $((SECONDS - start)) "$output"
exit $status
