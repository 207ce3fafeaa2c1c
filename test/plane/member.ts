import { randomUUID } from "node:crypto";
import { type ConnectOptions, connectControlPlane } from "../../agent/adapters/grpc/connect-control-plane.ts";
import { certificateReader } from "../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import type { MachineFacts, Versions } from "../../agent/core/machine.ts";
import type { ControlPlane, FromPlane, Hello, PlaneStream } from "../../agent/ports/control-plane.ts";
import type { EvidenceSource } from "../../agent/ports/evidence.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import type { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CollectedLog } from "../keys/collected-log.ts";

export const APP = { org: "acme", project: "app" } as const;
export const FOREVER = new AbortController().signal;
export const VERSIONS: Versions = { agent: "0.0.1", node: "20", buildkit: "0.33.1", contract: "1" };
export const FACTS: MachineFacts = {
  bootId: randomUUID(),
  hostname: "builder",
  architecture: "amd64",
  kernel: "6.1",
  os: "linux",
  cpuCount: 2,
  cpuModel: "a",
  memoryBytes: 8e9,
  platform: "kvm",
  blockDevices: [{ path: "/dev/sda", sizeBytes: 1e12, model: "disk", serial: "1" }],
};
export const HELLO: Hello = {
  bootId: FACTS.bootId,
  runId: "run-1",
  capabilities: ["builds"],
  lastAppliedRevision: 0n,
  versions: VERSIONS,
};

/** Our own client of this control plane. */
export function dial(
  plane: Pick<EmbeddedControlPlane, "endpoint" | "caPem" | "serverName">,
  changes: Partial<ConnectOptions> = {},
): ControlPlane & AsyncDisposable {
  const { endpoint, caPem, serverName } = plane;
  return connectControlPlane({ endpoint, caPem, serverName, log: new CollectedLog(), ...changes });
}

/** Registers as the story does it. */
export async function join(client: ControlPlane, evidence: EvidenceSource): Promise<MachineIdentity> {
  const [key, servingKey] = await Promise.all([keyMaker().make(), keyMaker().make()]);
  const challenge = await client.getChallenge(FOREVER);
  const registered = await client.register(
    {
      nonce: challenge.nonce,
      evidence: await evidence.gather(challenge, key, FOREVER),
      machineRequest: await key.request("builder-machine"),
      servingRequest: await servingKey.request("builder-serving"),
      facts: FACTS,
      versions: VERSIONS,
    },
    FOREVER,
  );
  certificateReader().read(registered.servingChainPem ?? "no chain", servingKey);
  const { machineId, machineChainPem: chainPem } = registered;
  return { machineId, key, chainPem, ...certificateReader().read(chainPem, key) };
}

/** The next message of the stream that `fits`; the others before it are passed over. */
export async function next<M extends FromPlane>(
  messages: AsyncIterator<FromPlane>,
  fits: (message: FromPlane) => message is M,
): Promise<M> {
  for (;;) {
    const result = await messages.next();
    if (result.done === true) throw new Error("The stream ended before the message came");
    if (fits(result.value)) return result.value;
  }
}

export function isDesired(message: FromPlane): message is Extract<FromPlane, { is: "desired" }> {
  return message.is === "desired";
}

export function isMalformed(message: FromPlane): message is Extract<FromPlane, { is: "malformed" }> {
  return message.is === "malformed";
}

/** What a stream ends with: undefined if in good order. */
export async function endOf(stream: PlaneStream): Promise<unknown> {
  try {
    const messages = stream.incoming[Symbol.asyncIterator]();
    while ((await messages.next()).done !== true);
    return undefined;
  } catch (failure) {
    return failure;
  }
}
