import type { DesiredState } from "../desired-state.ts";
import type { CacheView } from "../views.ts";
import type { OpenedVolume } from "../volume/order.ts";
import { type Check, failed, type Look, ok, unknown } from "./check.ts";

/** A cache that was asked for and cannot be had is never replaced by another one in silence. */
export const cacheVolume: Check = {
  name: "cache-volume",
  title: "Cache volume",
  blocking: true,
  neededByBuilds: true,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy:
    "builder-agent volume open --dry-run --org ORG --project PROJECT shows what would be done to the device, or why it is refused; builder-agent status names both",
  evidence: ({ cache, desired }) => [
    ...volumeFacts(cache),
    `wanted: ${desired === undefined ? "not known yet" : (desired.cacheVolume?.volumeId ?? "as configured")}`,
  ],
  look({ cache: view, desired }) {
    switch (view.at) {
      case "waiting":
        return unknown("Waits for the control plane to say which cache it wants");
      case "opening":
        return failed("Being opened", { remedy: "Wait: a damaged file system may take minutes to check" });
      case "failed":
        return failed(`Cannot be opened: ${view.because}`);
      case "closed":
        return failed("Closed: this machine is at its end", { remedy: "Nothing: another boot opens it again" });
      case "open":
        return openVolume(view.volume, desired);
      default:
        return view satisfies never;
    }
  },
};

export const encryption: Check = {
  name: "encryption",
  title: "Encryption of the cache",
  blocking: true,
  neededByBuilds: true,
  dependsOn: ["machine-certificate", "control-plane-view", "cache-volume"],
  remedy: "Name a device for the cache (cacheVolume.device), or let the control plane order a volume",
  evidence: ({ cache }, _now, { requireEncryption }) => [
    ...volumeFacts(cache),
    `encryption is ${requireEncryption ? "required" : "not required"} here (cacheVolume.requireEncryption)`,
  ],
  look({ cache: view }, _now, { requireEncryption: blocking }) {
    if (view.at !== "open") return { ...unknown("No cache is open"), blocking };
    if (view.volume.encrypted) return { ...ok("The cache is encrypted"), blocking };
    return failed("NOT ENCRYPTED: the cache is in a plain directory", { blocking });
  },
};

function volumeFacts(view: CacheView): readonly string[] {
  if (view.at !== "open") return [`the cache: ${view.at}`];
  const { encrypted, device, volumeId, filesystem, check } = view.volume;
  if (!encrypted) return [`a plain directory at ${device}`];
  return [`volume ${volumeId} on ${device}, LUKS2 and ${filesystem}`, `its file system's check: ${check}`];
}

function openVolume(volume: OpenedVolume, desired: DesiredState | undefined): Look {
  const { encrypted, device, filesystem, volumeId, check } = volume;
  if (!encrypted) return ok("A plain directory");
  const wanted = desired?.cacheVolume;
  if (wanted !== undefined && wanted.volumeId !== volumeId) {
    const differs = `${volumeId} is open, but the control plane now wants ${wanted.volumeId}`;
    return failed(`${differs}: a cache is not exchanged before the next boot`, {
      blocking: false,
      remedy: "Reboot this machine, or give it the volume that it has",
    });
  }
  const isMended = check === "repaired" || check === "rebuilt";
  const mended = isMended ? `; its file system was ${check} after an unclean end` : "";
  return ok(`${volumeId} is open on ${device} (${filesystem})${mended}`);
}
