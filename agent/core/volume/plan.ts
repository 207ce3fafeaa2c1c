import type { DeviceFacts, FormattingIntent, Inventory } from "./inventory.ts";
import { judgeDevice, LUKS } from "./judge-device.ts";
import { judgeLuks } from "./judge-luks.ts";
import { judgeOpen } from "./judge-open.ts";
import { judgeOrder } from "./judge-order.ts";
import type { VolumeOrder } from "./order.ts";
import { type Refusal, refusal } from "./refusal.ts";
import type { VolumePlan } from "./volume-plan.ts";

/** Pure: the same facts give the same plan. Whatever is not provably blank or ours is refused. */
export function planVolume(order: VolumeOrder, inventory: Inventory): VolumePlan {
  const wrong = judgeOrder(order) ?? judgeCandidates(order, inventory);
  if (wrong !== undefined) return refuse(wrong);
  const [device] = inventory.candidates;
  if (device === undefined) throw new Error("judgeCandidates lets no empty list through");
  if (inventory.mapping !== undefined) return judgeOpen(order, inventory, inventory.mapping, device);
  const unfit = judgeDevice(device);
  if (unfit !== undefined) return refuse(unfit);
  if (device.luks?.is === "torn" && isRestOf(inventory.intent, device)) return interrupted(device, inventory.intent);
  if (device.luks !== undefined) return judgeLuks(order, inventory.intent, device, device.luks);
  // A signature that nobody could read further.
  if (device.signatures.some(({ type }) => type === LUKS))
    return judgeLuks(order, inventory.intent, device, { is: "unreadable" });
  return judgeContent(inventory.intent, device);
}

function judgeCandidates({ device }: VolumeOrder, { candidates, deviceMapper }: Inventory): Refusal | undefined {
  if (!deviceMapper)
    return refusal(
      "cache.no-device-mapper",
      "The kernel of this machine has no device-mapper (/dev/mapper/control does not answer): a volume cannot be encrypted here",
    );
  if (candidates.length === 0)
    return refusal("cache.no-device", `No device is ${device}: attach it, or name the right one`);
  if (candidates.length > 1)
    return refusal(
      "cache.several-devices",
      `${candidates.length} devices are ${device} (${candidates.map(({ path }) => path).join(", ")}): name exactly one`,
    );
  return undefined;
}

/** A device without any signature. */
function judgeContent(intent: FormattingIntent | undefined, device: DeviceFacts): VolumePlan {
  const { path, content } = device;
  switch (content.is) {
    case "blank":
      return { is: "format", device, found: "blank" };
    case "unread":
      return refuse(refusal("cache.unrecognised-data", `${path} could not be read: it is left as it is`));
    case "data": {
      if (isRestOf(intent, device)) return interrupted(device, intent);
      const because = `${path} holds data that nobody recognises, the first at byte ${content.at}`;
      return refuse(
        refusal(
          "cache.unrecognised-data",
          `${because}: it is left as it is; if it is meant for the cache, wipe it by hand`,
        ),
      );
    }
    default:
      return content satisfies never;
  }
}

/**
 * Whether what is on a device is no more than a formatting of ours can have left: over a blank
 * device only a header, over an earlier volume of ours its ciphertext as well. A device without an
 * identity of its own is never known again.
 */
function isRestOf(
  intent: FormattingIntent | undefined,
  { identity, sizeBytes, content }: DeviceFacts,
): intent is FormattingIntent {
  if (intent === undefined || identity === undefined) return false;
  if (identity !== intent.identity || sizeBytes !== intent.sizeBytes) return false;
  return intent.found === "ours" || (content.is === "data" && content.headerOnly);
}

function interrupted(device: DeviceFacts, { found }: FormattingIntent): VolumePlan {
  return { is: "format", device, found: { interrupted: found } };
}

function refuse(because: Refusal): VolumePlan {
  return { is: "refuse", refusal: because };
}
