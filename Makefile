# Needs Python 3.11 or newer and nothing else: everything is installed into .venv. Another Python: make demo PYTHON=/path/to/python3
.PHONY: demo test suite lint style types verify-frozen verify-secrets verify-delivery verify-data verify-time verify-hours golden bench pins clean
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
CANDIDATES := python3.14 python3.13 python3.12 python3.11 python3
# Looked for once, and only when needed: a candidate counts when it runs, not when it is merely on the path.
PYTHON = $(eval PYTHON := $(shell for p in $(CANDIDATES); do if $$p $(NEW_ENOUGH) 2>/dev/null; then echo $$p; break; fi; done))$(PYTHON)
PY := .venv/bin/python

demo: .venv/runtime ## a recorded crash, replayed into the terminal: no token, no network
	@$(PY) -m bot demo

# Python keeps what it has compiled, even where the environment says otherwise: some hundred processes are started.
test suite lint style types verify-%: export PYTHONDONTWRITEBYTECODE =

test: .venv/dev ## what CI runs; mypy keeps one core busy for most of a minute, so the tests begin beside it
	@$(MAKE) --no-print-directory -j lint suite

suite: .venv/dev
	$(PY) -m pytest -n auto --dist worksteal

lint: style types

style: .venv/dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	.venv/bin/lint-imports --no-logo

types: .venv/dev
	$(PY) -m mypy

verify-secrets: .venv/dev ## the whole suite at its loudest, and every byte it wrote is searched for the token
	$(PY) -m tests.canary

verify-frozen: .venv/dev ## the command line's outputs, compared by their hashes: a minute; with REAL_DATA=folder, three
	$(PY) -m tests.frozen

golden: .venv/dev ## write the golden files anew: read the difference before you commit it
	$(PY) -m pytest tests/golden --update-golden

verify-data: .venv/dev ## a million wrong prices, 4,000 on the shipped rules, 20,000 spoiled answers: ten minutes of two cores
	FAULTS=1000000 SHIPPED=4000 PAYLOADS=20000 $(PY) -m pytest -q -n 2 tests/faults

verify-time: .venv/dev ## eleven years with kills, a year of polls, and processes under faketime: half an hour. One row: ROWS=polls
	$(PY) -m tests.simulation $(ROWS)

# New York is open; its close; ten minutes later, when closes still settle; the close of a half day; a Saturday; New Year's Eve.
HOURS = 2026-07-06T15:00 2026-07-06T19:59 2026-07-06T20:10 2026-11-27T17:59 2026-07-11T12:00 2026-12-31T23:59

verify-hours: .venv/dev ## the program from outside at odd hours, then far from UTC, with few rights and in folders with a space
	for hour in $(HOURS); do echo "$$hour UTC"; TESTS_AT=$$hour+00:00 $(PY) -m pytest -q -n auto tests/e2e || exit 1; done
	umask 077; folder=$$(mktemp -d) && TZ=Asia/Kathmandu LANG=C $(PY) -m pytest -q -n auto tests/e2e --basetemp "$$folder/a b"

bench: .venv/dev
	$(PY) -m benchmarks

verify-delivery: .venv/dev ## kills, stops, drains and takeovers with their bounds: some 25 minutes. One row: ROWS=drain
	$(PY) -m tests.campaigns $(ROWS)

# The stamps .venv/runtime and .venv/dev are older than the pins when there is something to install.
.venv/runtime: requirements.txt $(PY)
	$(call install,requirements.txt)
	@touch $@

.venv/dev: requirements-dev.txt $(PY)
	$(call install,requirements-dev.txt)
	@touch $@ .venv/runtime

# Where Debian's Python came without python3-venv, the virtual environment has no pip of its own, and pip is lent by PYTHON.
define install
	@echo "Installing $(1) into .venv ..."
	@$(PY) -m pip --version >/dev/null 2>&1 && pip="$(PY) -m pip" || pip="$(PYTHON) -m pip --python $(PY)"; \
	$$pip install -qq --no-compile --disable-pip-version-check --no-input --require-hashes -r $(1)
endef

# A .pth file puts this folder on the path, so that `.venv/bin/python -m bot` works from everywhere and nothing needs to be built.
$(PY):
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" $(NEW_ENOUGH) || { echo "$(PYTHON) is not a Python 3.11 or newer." >&2; exit 1; }
	@echo "Creating .venv with $$("$(PYTHON)" --version)"
	@rm -rf .venv; said=$$("$(PYTHON)" -m venv .venv 2>&1) \
	|| { "$(PYTHON)" -m pip --version >/dev/null 2>&1 && "$(PYTHON)" -m venv --clear --without-pip .venv; } \
	|| { rm -rf .venv; echo "$$said" >&2; echo "$(PYTHON) cannot make .venv (see above). On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "checkout.pth").write_text("$(CURDIR)\n")'

COMPILE = .venv-pins/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make pins' pyproject.toml

pins: ## the newest versions that pyproject.toml allows, one for every Python and machine
	"$(PYTHON)" -m venv .venv-pins
	.venv-pins/bin/pip install --quiet --disable-pip-version-check uv
	UV_NO_CONFIG=1 $(COMPILE) -o requirements.txt
	UV_NO_CONFIG=1 $(COMPILE) --extra dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf .venv .venv-pins build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache tests/peer/node_modules tests/peer/.lock
	find . -name __pycache__ -prune -exec rm -rf {} +
