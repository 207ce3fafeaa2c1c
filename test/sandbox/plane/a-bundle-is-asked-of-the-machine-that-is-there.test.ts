import { expect, it } from "vitest";
import { machineOf } from "../../../sandbox/admin/diagnostics.ts";
import type { Machine } from "../../../sandbox/control-plane/machine.ts";

/** As far as it is looked at. */
function machine(id: string, isAttached: boolean): Machine {
  return { id, hello: { capabilities: ["diagnostics"] }, ...(isAttached && { link: {} }) } as unknown as Machine;
}

const gone = machine("m-gone", false);
const there = machine("m-there", true);

it("without a name it is the only one that is attached, however many were there before", () => {
  expect(machineOf({ machines: () => [gone, there, gone] }, undefined)).toBe(there);
});

it.each([
  { what: "none has registered", machines: [], says: "No machine has registered." },
  { what: "none is attached", machines: [gone], says: "No machine is attached: none hears of it." },
  {
    what: "several are attached",
    machines: [there, machine("m-2", true)],
    says: "2 machines are attached: name one with --machine (m-there, m-2).",
  },
  { what: "the named one is not known", machines: [there], wanted: "m-x", says: "No machine m-x is registered here." },
  { what: "the named one is gone", machines: [gone], wanted: "m-gone", says: "Machine m-gone is not attached" },
])("where $what it is said", ({ machines, wanted, says }) => {
  expect(() => machineOf({ machines: () => machines }, wanted)).toThrow(says);
});
