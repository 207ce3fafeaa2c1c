import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { DebugGrant, DebugUser } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { durationOf } from "../duration.ts";

export interface GrantOrder {
  readonly machineId: string;
  readonly user: string;
  readonly grantedBy: string;
  /** Empty: a login shell. */
  readonly command?: readonly string[];
  readonly root?: boolean;
  readonly startWithinMs?: number;
  readonly totalMs?: number;
  readonly idleMs?: number;
  readonly graceMs?: number;
}

/** The org owner's key: it signs debug grants, and stands in the assignment. */
export class GrantSigner {
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly #key: KeyObject;

  constructor(kind: "ed25519" | "p256" = "ed25519") {
    const { publicKey, privateKey } =
      kind === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    this.#key = privateKey;
    this.publicKey = publicKey.export({ type: "spki", format: "der" });
  }

  sign(grant: DebugGrant): DebugGrant {
    const digest = this.#key.asymmetricKeyType === "ed25519" ? null : "sha256";
    return { ...grant, signature: sign(digest, Buffer.from(textOf(grant)), this.#key) };
  }
}

/** A grant from now on, unsigned. */
export function grantOf(order: GrantOrder, nowMs: number): DebugGrant {
  const { command = [], root = false, startWithinMs = 15 * 60_000, totalMs = 60 * 60_000, idleMs, graceMs } = order;
  return DebugGrant.fromPartial({
    grantId: `g-${randomUUID().slice(0, 8)}`,
    machineId: order.machineId,
    user: order.user,
    grantedBy: order.grantedBy,
    grantedAt: new Date(nowMs),
    startBefore: new Date(nowMs + startWithinMs),
    endsAt: new Date(nowMs + totalMs),
    command: [...command],
    runAs: root ? DebugUser.ROOT : DebugUser.UNSPECIFIED,
    ...(idleMs !== undefined && { idleLimit: durationOf(idleMs) }),
    ...(graceMs !== undefined && { disconnectGrace: durationOf(graceMs) }),
  });
}

/** As the contract has it: desired_state.proto, SIGNATURE. */
function textOf(grant: DebugGrant): string {
  const idle = grant.idleLimit ?? durationOf(15 * 60_000);
  const grace = grant.disconnectGrace ?? durationOf(60_000);
  const ms = ({ seconds, nanos }: { seconds: bigint; nanos: number }): string =>
    String(Number(seconds) * 1_000 + Math.trunc(nanos / 1_000_000));
  const lines = [
    ["grant_id", grant.grantId],
    ["machine_id", grant.machineId],
    ["user", grant.user],
    ["granted_by", grant.grantedBy],
    ["granted_at", String(grant.grantedAt?.getTime())],
    ["start_before", String(grant.startBefore?.getTime())],
    ["ends_at", String(grant.endsAt?.getTime())],
    ["run_as", grant.runAs === DebugUser.ROOT ? "root" : "unprivileged"],
    ["idle_limit", ms(idle)],
    ["disconnect_grace", ms(grace)],
    ...grant.command.map((word) => ["argument", word]),
  ];
  const text = lines.map(([name, value = ""]) => `${name} ${Buffer.byteLength(value)} ${value}\n`);
  return `builder-agent debug grant v1\n${text.join("")}`;
}
