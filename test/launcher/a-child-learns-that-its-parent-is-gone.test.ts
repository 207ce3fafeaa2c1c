import { once } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { parentGone } from "../../agent/adapters/launcher/parent-gone.ts";

const HELD = { BUILDER_AGENT_PARENT: "stdin" };

describe("the parent's end", () => {
  it("is learnt from the end of stdin, whatever came over it before", async () => {
    const stdin = new PassThrough();
    const gone = parentGone(HELD, stdin);
    stdin.write("text".repeat(100_000));
    expect(gone.aborted).toBe(false);
    stdin.end();
    await once(gone, "abort");
  });

  it("is learnt from an error of stdin", async () => {
    const stdin = new PassThrough();
    const gone = parentGone(HELD, stdin);
    stdin.destroy(new Error("broken"));
    await once(gone, "abort");
  });

  it("is nobody's business where no parent said that it holds stdin", async () => {
    const stdin = new PassThrough();
    const gone = parentGone({}, stdin);
    stdin.end();
    await once(stdin.resume(), "end");
    expect(gone.aborted).toBe(false);
  });
});
