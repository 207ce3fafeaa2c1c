import type { DeviceFacts, Inventory, MappingFacts, OpenRecord } from "./inventory.ts";
import { foreignPart } from "./label.ts";
import { kindOf, type VolumeOrder } from "./order.ts";
import { refusal } from "./refusal.ts";
import type { VolumePlan } from "./volume-plan.ts";

/**
 * What to do when something is open at our name: it is as ordered, it is left over, or it is in the
 * way.
 */
export function judgeOpen(
  order: VolumeOrder,
  { bootId, opened }: Inventory,
  mapping: MappingFacts,
  device: DeviceFacts,
): VolumePlan {
  if (opened !== undefined && isRecordOf(mapping, opened, bootId)) return judgeRecord(order, opened, device);
  if (mapping.luksUuid === undefined)
    return refuse(`Something that is no LUKS volume has the name builder-agent-cache, over ${mapping.device}`);
  if (mapping.mountPoints.length > 0)
    return refuse(
      `builder-agent-cache is mounted on ${mapping.mountPoints.join(", ")}, but nobody remembers to have opened it`,
    );
  // Whoever opened it did not get as far as to remember it, and nothing stands on it.
  return { is: "close-leftover", mapping };
}

function isRecordOf(mapping: MappingFacts, opened: OpenRecord, bootId: string): boolean {
  return opened.bootId === bootId && opened.luksUuid === mapping.luksUuid && opened.device === mapping.device;
}

function judgeRecord(order: VolumeOrder, opened: OpenRecord, device: DeviceFacts): VolumePlan {
  const foreign = foreignPart(opened, order);
  if (foreign !== undefined || opened.kind !== kindOf(order.key) || opened.device !== device.path)
    return refuse(
      `The ${opened.kind} volume ${opened.volumeId} of ${opened.owner.orgId}/${opened.owner.projectId} is open on ${opened.device}`,
    );
  if (device.luks?.is === "readable" && device.luks.keyFits === false)
    return {
      is: "refuse",
      refusal: refusal(
        "cache.wrong-key",
        `${device.path} is open, but not by the key that was given: it is left as it is`,
      ),
    };
  return { is: "take-over", record: opened };
}

function refuse(because: string): VolumePlan {
  return {
    is: "refuse",
    refusal: refusal(
      "cache.other-volume-open",
      `${because}: close it first (systemctl stop builder-agent-volume.service)`,
    ),
  };
}
