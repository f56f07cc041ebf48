# Every target does its own set-up; the virtual environment is .venv in this folder.
PY := .venv/bin/python

TEST_PACKAGES := redis-server ffmpeg chromium mosquitto strace gettext fonts-dejavu-core fonts-wqy-microhei \
	gir1.2-gst-rtsp-server-1.0 python3-gi python3-gst-1.0 \
	gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly

SLOW := integration or faults or browser
NEVER := bench or soak

.PHONY: help demo test lint bench soak clean setup-demo setup-dev setup-test

help:
	@echo 'make demo   the whole product on this machine, from a sample street to a live alert (PORT, VAR_DIR, CAMERA, DEMO_SECONDS)'
	@echo 'make test   unit tests, then those with real servers, killed processes and a browser'
	@echo 'make lint   style, types, migrations, system checks'
	@echo 'make bench  measurements on one core     make soak   long runs     make clean   removes .venv and caches, keeps var'

setup-demo:
	@sh scripts/bootstrap.sh demo

setup-dev:
	@sh scripts/bootstrap.sh dev

setup-test: setup-dev
	@sh scripts/system-packages.sh $(TEST_PACKAGES)

# exec: make's child is the demo itself, so that the signals that make passes on reach it.
demo: setup-demo
	@EDGESITE_FOLLOW_PARENT=1 exec $(PY) -m edgesite.demo

test: setup-test
	$(PY) -m pytest -n auto --maxprocesses 8 --dist loadfile -m "not ($(SLOW) or $(NEVER))"
	$(PY) -m pytest -n auto --maxprocesses 3 --dist loadfile --no-loadscope-reorder -m "($(SLOW)) and not ($(NEVER))"

lint: setup-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .
	@sh scripts/manage-checks.sh

bench: setup-test
	@sh scripts/pytest-some.sh bench tests/benchmarks -s

soak: setup-test
	@sh scripts/pytest-some.sh soak tests -s --timeout=0

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
	@echo 'kept: var (databases, recordings, keys); remove it yourself if nothing in it is needed'
