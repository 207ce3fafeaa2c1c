import { NetworkNamespace } from "../net/namespace.ts";
import type { NetworkPlace } from "../net/place.ts";
import { connect } from "../net/veth.ts";
import { COORDINATION_HOST, NamespacedTailnet } from "./in-namespaces.ts";
import { Owned } from "./owned.ts";
import type { TailnetTools } from "./tools.ts";

/** For documentation, RFC 5737: nobody has these addresses, and to builds they are the internet. */
const WORLD = "203.0.113.1";
const MACHINE = "203.0.113.2";
const PREFIX = 30;

/**
 * A tailnet that a sandbox's machine reaches by a cable, and nobody else. The cable goes with it,
 * or with the machine's network.
 */
export async function startBeside(
  machine: NetworkPlace,
  options: { readonly tools: TailnetTools; readonly dir: string; readonly signal: AbortSignal },
): Promise<{ readonly site: NamespacedTailnet; readonly owned: Owned }> {
  const owned = new Owned();
  try {
    const world = await owned.add(NetworkNamespace.make({ name: "world" }));
    await connect(
      { place: world, link: "machine0", addresses: [`${WORLD}/${PREFIX}`] },
      {
        place: machine,
        link: "world0",
        addresses: [`${MACHINE}/${PREFIX}`],
        routes: [{ to: `${COORDINATION_HOST}/32`, via: WORLD }],
      },
    );
    const site = await owned.add(NamespacedTailnet.start({ ...options, world }));
    return { site, owned };
  } catch (failure) {
    await owned[Symbol.asyncDispose]();
    throw failure;
  }
}
