# CCP: the commands that people use. Everything else is CMake (CMakePresets.json).
#   make run      install, build, run the whole main job and keep serving   (ONCE=1, DATA=DIR)
#   make test     install, build with sanitizers, run every test; last line "N passed, N failed"
#   make check    the wide net: clang, TSan, longer fuzzing, long crash suite (hours on a small machine)
#   make bench    one JSON line per figure
SHELL := /bin/bash
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
ONCE ?=
DATA ?=

.PHONY: help run build test check bench deps deps-test format clean
help:
	@sed -n 's/^#   //p' Makefile

deps:
	@scripts/install-deps product
deps-test:
	@scripts/install-deps tests

# Programs in build/bin, plugins in build/lib/ccp/plugins.
build: deps
	@scripts/build release

run: build
	@ONCE='$(ONCE)' DATA='$(DATA)' scripts/run

test:
	@scripts/test

check:
	@scripts/check

bench: deps-test build
	@scripts/bench

format:
	@git ls-files '*.cpp' '*.hpp' '*.h' | xargs clang-format -i

clean:
	rm -rf build
