import { headerFault } from "./header-form.ts";
import type { DeviceFacts, FormattingIntent, HeaderProof, LabelFacts, LuksFacts, LuksHeader } from "./inventory.ts";
import { type ForeignPart, foreignPart, isCoveredUuid } from "./label.ts";
import { kindOf, type VolumeOrder } from "./order.ts";
import { type RefusalCode, refusal } from "./refusal.ts";
import type { VolumePlan } from "./volume-plan.ts";

/** What to do with LUKS that is not open: whose is it, and is that proven? */
export function judgeLuks(
  order: VolumeOrder,
  intent: FormattingIntent | undefined,
  device: DeviceFacts,
  luks: LuksFacts,
): VolumePlan {
  const { path } = device;
  if (luks.is !== "readable")
    return refuse("cache.luks-foreign", `${path} holds LUKS that this agent did not make, or that is damaged`);
  const { label, uuid } = luks;
  switch (label.is) {
    case "none":
      // The label comes last: our own uuid without it is a formatting that was cut short.
      if (uuid === intent?.luksUuid) return { is: "format", device, found: { interrupted: intent.found } };
      return refuse("cache.luks-foreign", `${path} holds LUKS without this agent's label (uuid ${uuid})`);
    case "malformed":
      return refuse("cache.label-unverified", `${path} has a label that this agent cannot read`);
    case "there": {
      const { claims, authentic } = label;
      const foreign = foreignPart(claims, order);
      if (foreign !== undefined) return refuse(CODES[foreign.part], sentence(path, foreign));
      if (claims.luksUuid !== uuid)
        return refuse("cache.label-unverified", `${path} has the label of another volume (uuid ${claims.luksUuid})`);
      if (claims.kind === "per-boot") return ofAnEarlierBoot(device, authentic);
      return kept(order, device, luks, label);
    }
    default:
      return label satisfies never;
  }
}

/** Its key is gone: it is worth nothing to anybody, once it is proven that this machine made it. */
function ofAnEarlierBoot(device: DeviceFacts, authentic: boolean): VolumePlan {
  return authentic
    ? { is: "format", device, found: "ours" }
    : refuse(
        "cache.label-unverified",
        `${device.path} has the label of a per-boot volume that this machine did not make`,
      );
}

function kept(
  order: VolumeOrder,
  device: DeviceFacts,
  { keySlots, keyFits, metadata }: LuksHeader,
  { claims, authentic, header }: Extract<LabelFacts, { is: "there" }>,
): VolumePlan {
  const { path } = device;
  if (kindOf(order.key) === "per-boot")
    return refuse(
      "cache.other-kind",
      `${path} holds the kept volume ${claims.volumeId}, but a volume for this boot only was ordered, which would destroy it`,
    );
  if (keySlots === 0)
    return refuse(
      "cache.erased",
      `The key slots of ${path} (volume ${claims.volumeId}) were erased: nothing can open it any more`,
    );
  const wrongKey = refuse(
    "cache.wrong-key",
    `The key that was given does not open ${path} (volume ${claims.volumeId})`,
  );
  if (!authentic && keyFits === false) return wrongKey;
  if (!authentic)
    return refuse(
      "cache.label-unverified",
      `The label of ${path} (volume ${claims.volumeId}) was not made with its key`,
    );
  const fault = headerFault(metadata) ?? proofFault(header, claims.luksUuid);
  if (fault !== undefined)
    return refuse("cache.header-altered", `The header of ${path} (volume ${claims.volumeId}) ${fault}`);
  if (keyFits !== true) return wrongKey;
  return { is: "open", device, label: claims };
}

/** An earlier release's label says nothing of its header, whose form has to do. */
function proofFault(proof: HeaderProof, luksUuid: string): string | undefined {
  if (proof === "altered") return "is not the one that its label was made for";
  if (proof === "none" && isCoveredUuid(luksUuid)) return "has lost the code that its label was made with";
  return undefined;
}

const CODES: Readonly<Record<ForeignPart["part"], RefusalCode>> = {
  org: "cache.other-org",
  project: "cache.other-project",
  architecture: "cache.other-architecture",
  "volume-id": "cache.other-volume-id",
};

const WORDS: Readonly<Record<ForeignPart["part"], string>> = {
  org: "org",
  project: "project",
  architecture: "architecture",
  "volume-id": "volume id",
};

function sentence(path: string, { part, theirs, ours }: ForeignPart): string {
  return `${path} is the cache of another ${WORDS[part]} (${theirs}, not ${ours})`;
}

function refuse(code: RefusalCode, because: string): VolumePlan {
  const wipe = code === "cache.wrong-key" ? "" : "; if it is meant for this cache, wipe it by hand";
  return { is: "refuse", refusal: refusal(code, `${because}: it is left as it is${wipe}`) };
}
