# Tests: cmocka units (tests/unit/test_*.c), bats for the programs (tests/cli/*.bats).

UNIT_C := $(sort $(wildcard tests/unit/test_*.c))
UNITS := $(UNIT_C:tests/unit/%.c=$(BUILD)/tests/unit/%)

$(UNITS): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	$(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

-include $(UNITS:=.d)

.PHONY: units
units: $(UNITS)
	@for unit in $(UNITS); do $$unit || exit 1; done

.PHONY: test-cli
test-cli: all
	bats tests/cli
