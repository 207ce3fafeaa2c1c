import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineCutter } from "../../agent/core/line-cutter.ts";

describe("lines out of pieces", () => {
  it("are the same however the text was cut into pieces", () => {
    const pieces = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\n") }));
    fc.assert(
      fc.property(pieces, (given) => {
        const cutter = new LineCutter(1_000);
        const lines = given.flatMap((piece) => cutter.push(piece));
        expect([...lines, cutter.rest()]).toEqual(given.join("").split("\n"));
      }),
    );
  });

  it("are cut where they grow too long, and the next one is whole again", () => {
    const cutter = new LineCutter(4);
    const lines = ["ab", "cdef", "ghij".repeat(1_000), "\nnew\r\n"].flatMap((piece) => cutter.push(piece));
    expect(lines).toEqual(["abcd", "new"]);
    expect(cutter.rest()).toBe("");
  });
});
