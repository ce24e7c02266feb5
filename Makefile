# What takes longer than a change can wait for. PYTHON: one that has the project with its `test` extra.
PYTHON ?= python
SEED ?= 1

.PHONY: roundtrip soak fuzz races debug suites servers

roundtrip:  ## the law, on 100,000 generated applications and requests
	ROUNDTRIP_SEED=$(SEED) ROUNDTRIP_EXAMPLES=100000 $(PYTHON) -m pytest tests/roundtrip --timeout 0

soak:  ## 20,000 requests a direction, most of which end badly
	SOAK_SEED=$(SEED) SOAK_REQUESTS=20000 $(PYTHON) -m pytest tests/soak --timeout 600

fuzz:  ## ten minutes of hostile input
	FUZZ_SECONDS=600 $(PYTHON) -m pytest tests/fuzz/test_fuzz.py -k fuzzer --timeout 0

races:  ## ten minutes of requests with a thread switch at any line
	RACES_SECONDS=600 $(PYTHON) -m pytest tests/races/test_yielding.py --timeout 0

debug:  ## every test in asyncio's debug mode
	TESTS_ASYNCIO_DEBUG=1 $(PYTHON) -m pytest --timeout 180

suites:  ## the frameworks' own tests, through both adapters
	$(PYTHON) -m tests.suites

servers:  ## write the table of servers anew
	$(PYTHON) -m tests.matrix > docs/servers.md
