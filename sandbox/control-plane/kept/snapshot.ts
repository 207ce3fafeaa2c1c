import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import { z } from "zod";
import {
  ClosedBuild,
  DesiredState,
  Drain,
  OpenBuild,
} from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { MachineFacts, Versions } from "../../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import { keptExchange, NOTHING_KEPT } from "../exchange/kept.ts";

/** A message of the contract, as base64 of its bytes: it comes back exactly as it was. */
function message<T>(type: { encode(message: T): BinaryWriter; decode(bytes: Uint8Array): T }) {
  return z.codec(z.base64(), z.custom<T>(), {
    decode: (text) => type.decode(Buffer.from(text, "base64")),
    encode: (value) => Buffer.from(type.encode(value).finish()).toString("base64"),
  });
}

const count = z.codec(z.string().regex(/^\d+$/), z.bigint(), { decode: BigInt, encode: String });

const projectRef = { org: z.string(), project: z.string() };

const keptProject = z.object({
  ...projectRef,
  revision: count,
  open: z.array(message(OpenBuild)),
  /** Ids of builds whose certificate nobody has yet. */
  pending: z.array(z.string()),
  closed: z.array(message(ClosedBuild)),
  /** Its wishes alone are set. */
  wishes: message(DesiredState),
  drain: message(Drain).optional(),
  drains: z.array(z.object({ machineId: z.string(), drain: message(Drain) })),
});

/** Who holds an instance; until when follows from the last sign of life. */
const keptLease = z.object({
  instance: z.string(),
  generation: z.int().positive(),
  /** Lower-case hex, as the next. */
  keySha256: z.string(),
  previousKeySha256: z.string().optional(),
  /** It left in order: another key may come at once. */
  isReleased: z.boolean(),
});

const keptMachine = z.object({
  id: z.string(),
  ...projectRef,
  architecture: z.string(),
  facts: message(MachineFacts),
  versions: message(Versions).optional(),
  refused: z.boolean(),
  lease: keptLease.exactOptional(),
});

const keptJoinToken = z.object({
  /** Lower-case hex, of the token. */
  sha256: z.string(),
  ...projectRef,
  architecture: z.string().exactOptional(),
  expiresAtMs: z.int(),
});

/** All that a control plane keeps beside its authorities' keys and session records. */
export const snapshotForm = z.object({
  epoch: z.string(),
  /** Names of the authorities that sign builds, and that did before. */
  builds: z.string(),
  retiring: z.string().exactOptional(),
  projects: z.array(keptProject),
  machines: z.array(keptMachine),
  joinTokens: z.array(keptJoinToken),
  /** Absent in files of before there was an exchange. */
  exchange: keptExchange.default(NOTHING_KEPT),
});

export type Snapshot = z.output<typeof snapshotForm>;
export type KeptProject = z.output<typeof keptProject>;
export type KeptMachine = z.output<typeof keptMachine>;
export type KeptJoinToken = z.output<typeof keptJoinToken>;
