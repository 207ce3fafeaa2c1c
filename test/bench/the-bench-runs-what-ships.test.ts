import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { gatewayEnvironment, OPENSSL_WITHOUT_TICKETS } from "../../agent/cli/gateway-environment.ts";
import { NODE_FLAGS } from "../../agent/cli/node-flags.ts";
import { parseOptions } from "../../bench/options.ts";
import { ENVIRONMENT } from "../../bench/subjects/our-gateway.ts";

it("runs our gateway's Node as the launcher runs it, unless told otherwise", async () => {
  expect(parseOptions(["gateway"]).nodeFlags).toEqual(NODE_FLAGS.gateway);
  const { OPENSSL_CONF: opensslConf = "" } = ENVIRONMENT;
  expect(ENVIRONMENT).toEqual(gatewayEnvironment(opensslConf));
  expect(await readFile(opensslConf, "utf8")).toBe(OPENSSL_WITHOUT_TICKETS);
  expect(parseOptions(["gateway", "--node-flags=--expose-gc"]).nodeFlags).toEqual(["--expose-gc"]);
});
