import { z } from "zod";
import { isId } from "../../core/build-identity.ts";
import { Secret } from "../../core/secret.ts";
import { parseDeviceReference } from "../../core/volume/device-reference.ts";
import { isFilesystem, onlyForDryRun, unknownFilesystem } from "../../core/volume/judge-order.ts";
import type { OpenedVolume, TimedStep, VolumeOrder } from "../../core/volume/order.ts";
import { VolumeRefused } from "../../core/volume/refusal.ts";
import { type Protocol, verb } from "../../wire/protocol.ts";

const id = z.string().refine(isId);

const Order = z.strictObject({
  owner: z.strictObject({ orgId: id, projectId: id, architecture: id }),
  volumeId: id,
  device: z.string().max(1024).exactOptional(),
  filesystem: z.string(),
  key: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("per-boot") }),
    z.strictObject({ kind: z.literal("given"), keyBase64: z.base64() }),
  ]),
});

const Step: z.ZodType<TimedStep> = z.object({ name: z.string(), tookMs: z.number() });

const Opened: z.ZodType<OpenedVolume> = z.object({
  encrypted: z.boolean(),
  device: z.string(),
  volumeId: z.string(),
  kind: z.enum(["per-boot", "kept", "plain"]),
  filesystem: z.enum(["ext4", "xfs", ""]),
  formatted: z.boolean(),
  check: z.enum(["not-needed", "clean", "repaired", "rebuilt"]),
  grownBytes: z.number(),
  steps: z.array(Step),
  takenOver: z.boolean(),
});

/** What goes over `volume.sock`. An order has some 500 bytes, and may hold a key. */
export const VOLUME: Protocol = { name: "cache", answerer: "the cache volume", version: 1, lineMaxBytes: 65_536 };

export const OPEN = verb(VOLUME, "open", {
  request: Order,
  step: z.object({ is: z.literal("step"), name: z.string(), tookMs: z.number() }),
  answer: z.object({ is: z.literal("opened"), volume: Opened }),
});

type OrderOnTheWire = z.output<typeof Order>;

/** It may hold a key: it goes to the socket and nowhere else. */
export function orderToWire({ key, ...order }: VolumeOrder): OrderOnTheWire {
  if (key.kind === "per-boot") return { ...order, key };
  return { ...order, key: { kind: key.kind, keyBase64: Buffer.from(key.key.reveal()).toString("base64") } };
}

/** @throws {VolumeRefused} for an unknown file system, and for a file in a device's place. */
export function orderFromWire({ key, filesystem, ...rest }: OrderOnTheWire): VolumeOrder {
  if (!isFilesystem(filesystem)) throw new VolumeRefused(unknownFilesystem(filesystem));
  // An asker that is not root must not name a file to root.
  if (rest.device !== undefined && parseDeviceReference(rest.device)?.by === "file")
    throw new VolumeRefused(onlyForDryRun(rest.device));
  const order = { ...rest, filesystem };
  if (key.kind === "per-boot") return { ...order, key };
  return { ...order, key: { kind: key.kind, key: new Secret(Buffer.from(key.keyBase64, "base64")) } };
}
