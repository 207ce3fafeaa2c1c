import { AgentError } from "../../core/errors.ts";
import type { HeaderMetadata } from "../../core/volume/header-form.ts";
import type { DeviceFacts, LuksFacts } from "../../core/volume/inventory.ts";
import { judgeLuks } from "../../core/volume/judge-luks.ts";
import type { LabelClaims } from "../../core/volume/label.ts";
import type { OpenedVolume, TimedStep, VolumeOrder } from "../../core/volume/order.ts";
import { planVolume } from "../../core/volume/plan.ts";
import { VolumeRefused } from "../../core/volume/refusal.ts";
import type { VolumePlan } from "../../core/volume/volume-plan.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { closeMappingSurely } from "./close-mapping.ts";
import { formatVolume } from "./format-volume.ts";
import { HeaderCopy } from "./header-copy.ts";
import { inspect } from "./inspect.ts";
import { readHeader } from "./luks-header.ts";
import { openByCopy } from "./open-by-copy.ts";
import { findProgram } from "./programs.ts";
import { settleFilesystem } from "./settle-filesystem.ts";
import type { Settled } from "./settled.ts";
import { Steps } from "./steps.ts";
import { lockedVolume, type VolumeHost } from "./volume-host.ts";

/** An order that formats takes longer; whoever comes meanwhile is told so and comes again. */
const LOCK_WAIT_S = 60;
/** After a failure the mapping is closed again, also when the order was cancelled. */
const TIDY_MS = 30_000;

/**
 * Carries out an order: look, plan, and only then act. The mapping is open when this resolves;
 * mounting it is the service manager's business.
 * @throws {VolumeRefused} and then nothing was changed. {AgentError} "cache.…"
 */
export function openVolume(
  host: VolumeHost,
  order: VolumeOrder,
  tell: (step: TimedStep) => void,
  signal: AbortSignal,
): Promise<OpenedVolume> {
  return lockedVolume(host, LOCK_WAIT_S, signal, async () => {
    const steps = new Steps(tell);
    const plan = await plannedFor(host, order, steps, signal);
    switch (plan.is) {
      case "take-over": {
        const { device, kind, volumeId, filesystem } = plan.record;
        const untouched = { formatted: false, check: "not-needed", grownBytes: 0, takenOver: true } as const;
        return { encrypted: true, device, kind, volumeId, filesystem, ...untouched, steps: steps.done };
      }
      case "format":
      case "open":
        await requirePrograms(plan.is === "open" ? plan.label.filesystem : order.filesystem);
        return carriedOut(host, order, plan, steps, signal);
      default:
        return plan satisfies never;
    }
  });
}

type Doable = Exclude<VolumePlan, { readonly is: "refuse" | "close-leftover" }>;

async function plannedFor(host: VolumeHost, order: VolumeOrder, steps: Steps, signal: AbortSignal): Promise<Doable> {
  for (let closed = false; ; closed = true) {
    const plan = planVolume(order, await steps.take("inspect", () => inspect(host, order, signal)));
    if (plan.is === "refuse") throw new VolumeRefused(plan.refusal);
    if (plan.is !== "close-leftover") return plan;
    if (closed)
      throw new AgentError("cache.still-in-use", "A volume that was just closed is open again", { retryable: true });
    await steps.take("close-leftover", () => closeMappingSurely(host, plan.mapping, signal));
  }
}

async function carriedOut(
  host: VolumeHost,
  order: VolumeOrder,
  plan: Extract<VolumePlan, { is: "format" | "open" }>,
  steps: Steps,
  signal: AbortSignal,
): Promise<OpenedVolume> {
  const { path: device } = plan.device;
  try {
    const { label, settled } =
      plan.is === "format"
        ? { label: await formatVolume(host, order, plan, steps, signal), settled: NEW }
        : { label: plan.label, settled: await openOurs(host, order, plan, steps, signal) };
    const { kind, volumeId, filesystem } = label;
    await remember(host, device, label);
    const formatted = plan.is === "format";
    return {
      encrypted: true,
      device,
      kind,
      volumeId,
      filesystem,
      formatted,
      ...settled,
      steps: steps.done,
      takenOver: false,
    };
  } catch (failure) {
    await tidy(host);
    throw failure;
  }
}

const NEW: Settled = { check: "not-needed", grownBytes: 0 };

async function openOurs(
  host: VolumeHost,
  order: VolumeOrder,
  { device }: Extract<VolumePlan, { is: "open" }>,
  steps: Steps,
  signal: AbortSignal,
): Promise<Settled> {
  const givenKey = order.key.kind === "given" ? order.key.key.reveal() : undefined;
  await using copy = await HeaderCopy.of(device.path, device.sizeBytes, host.scratchDir);
  const { label, metadata } = await steps.take("read-header", async () => {
    const luks = await readHeader({ run: host.run, labelKey: undefined, givenKey }, copy, signal);
    return judgedAgain(order, device, luks);
  });
  await steps.take("open", () => openByCopy(host, { device: device.path, copy, metadata }, givenKey, signal));
  // The label is there, so that whatever an intent says is over.
  await host.intent.forget();
  return await settleFilesystem(host, label.filesystem, label.kind, steps, signal);
}

/** The copy that opens a volume is judged itself: the device may say something else by now. */
function judgedAgain(
  order: VolumeOrder,
  device: DeviceFacts,
  luks: LuksFacts,
): { readonly label: LabelClaims; readonly metadata: HeaderMetadata } {
  const plan = judgeLuks(order, undefined, device, luks);
  if (plan.is === "refuse") throw new VolumeRefused(plan.refusal);
  if (plan.is === "open" && luks.is === "readable") return { label: plan.label, metadata: luks.metadata };
  throw new AgentError(
    "cache.header-altered",
    `The header of ${device.path} changed while it was judged: does something else write to this device?`,
    { retryable: true },
  );
}

async function remember(host: VolumeHost, device: string, label: LabelClaims): Promise<void> {
  const { luksUuid, kind, owner, volumeId, filesystem } = label;
  const openedMs = host.now();
  await host.opened.write({ bootId: host.bootId, device, luksUuid, kind, owner, volumeId, filesystem, openedMs });
}

/**
 * What stays open without being remembered is found and closed by the next order, so that a failure
 * here hides no other.
 */
async function tidy(host: VolumeHost): Promise<void> {
  using deadline = new Deadline(TIDY_MS);
  try {
    const mapping = await host.mappings.look(deadline.signal);
    if (mapping !== undefined) await closeMappingSurely(host, mapping, deadline.signal);
  } catch {
    // See above.
  }
}

/**
 * Before the first byte is overwritten: a tool that is missing later would leave half a volume.
 * @throws {AgentError} "cache.tool-missing"
 */
async function requirePrograms(filesystem: LabelClaims["filesystem"]): Promise<void> {
  const ext4 = ["mkfs.ext4", "dumpe2fs", "e2fsck", "resize2fs"];
  const xfs = ["mkfs.xfs", "xfs_repair", "xfs_growfs", "mount", "umount"];
  for (const name of ["cryptsetup", "dmsetup", ...(filesystem === "ext4" ? ext4 : xfs)]) await findProgram(name);
}
