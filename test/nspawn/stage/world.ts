import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import type { NetworkPlace } from "../../../sandbox/net/place.ts";
import { connect } from "../../../sandbox/net/veth.ts";
import { inTree } from "../../../sandbox/stack/tree.ts";
import { eventually } from "../../journeys/stage/eventually.ts";

/** Of documentation (RFC 5737): the machine's uplink, and who answers names there. */
export const ROUTER = "203.0.113.1";
const [MACHINE, PREFIX] = ["203.0.113.2", 24] as const;
export const RESOLVER = "203.0.113.53";

/**
 * What the machine takes for the internet: it has a way there, and a resolver that knows no name.
 * There is no way out of it.
 */
export async function makeWorld(scope: Scope, machine: NetworkPlace): Promise<NetworkNamespace> {
  const world = scope.own(await NetworkNamespace.make({ name: "world" }));
  await connect(
    { place: world, link: "machine0", addresses: [`${ROUTER}/${PREFIX}`, `${RESOLVER}/${PREFIX}`] },
    {
      place: machine,
      link: "uplink0",
      addresses: [`${MACHINE}/${PREFIX}`],
      routes: [{ to: "default", via: ROUTER }],
    },
  );
  const { command, args } = world.enter(process.execPath, [inTree("test/network/stage/answering.mjs"), "53", RESOLVER]);
  const resolver = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(resolver, "close");
  scope.defer(async () => {
    resolver.stdin.end();
    await ended;
  });
  let said = "";
  resolver.stdout.on("data", (piece: Buffer) => (said += piece.toString()));
  await eventually("the world's resolver listens", () => said.includes("listening"));
  return world;
}
