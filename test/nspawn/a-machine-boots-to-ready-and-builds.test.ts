import { expect, it } from "vitest";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

it("builds, on a cache that it says is not encrypted", async () => {
  expect(await machine().buildOnce("hello")).toBe("hello");
  const status = JSON.parse(await machine().container.run("builder-agent", ["status", "--json"])) as {
    readonly checks: readonly { readonly name: string; readonly message: string }[];
  };
  expect(status.checks.find(({ name }) => name === "encryption")?.message).toMatch(/NOT ENCRYPTED/);
});
