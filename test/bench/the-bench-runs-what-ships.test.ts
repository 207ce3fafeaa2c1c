import { expect, it } from "vitest";
import { NODE_FLAGS } from "../../agent/cli/node-flags.ts";
import { parseOptions } from "../../bench/options.ts";

it("runs our gateway's Node as the launcher runs it, unless told otherwise", () => {
  expect(parseOptions(["gateway"]).nodeFlags).toEqual(NODE_FLAGS.gateway);
  expect(parseOptions(["gateway", "--node-flags=--expose-gc"]).nodeFlags).toEqual(["--expose-gc"]);
});
