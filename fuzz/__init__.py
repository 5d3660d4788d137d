"""
Coverage-guided fuzzing: see docs/fuzzing.md.

    python fuzz/run.py                  all targets, ten seconds each
    python fuzz/run.py --replay         the committed corpus only, without atheris
"""
