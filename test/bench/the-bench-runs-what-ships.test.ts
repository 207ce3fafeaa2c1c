import { expect, it } from "vitest";
import { gatewayEnvironment, OPENSSL_WITHOUT_TICKETS } from "../../agent/cli/gateway-environment.ts";
import { NODE_FLAGS } from "../../agent/cli/node-flags.ts";
import { parseOptions } from "../../bench/options.ts";
import { environmentOf, OPENSSL_CONFIGURATION } from "../../bench/subjects/our-gateway.ts";

it("runs our gateway's Node as the launcher runs it, unless told otherwise", () => {
  expect(parseOptions(["gateway"]).nodeFlags).toEqual(NODE_FLAGS.gateway);
  expect(environmentOf("file")).toEqual(gatewayEnvironment("file"));
  expect(OPENSSL_CONFIGURATION).toBe(OPENSSL_WITHOUT_TICKETS);
  expect(parseOptions(["gateway", "--node-flags=--expose-gc"]).nodeFlags).toEqual(["--expose-gc"]);
});
