import { DISK_FULL_BYTES, diskLevels, inodeLevels } from "../disk-relief.ts";
import { sizeInWords } from "../size-words.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

export const buildkit: Check = {
  name: "buildkit",
  title: "BuildKit",
  blocking: true,
  neededByBuilds: true,
  dependsOn: ["machine-certificate", "control-plane-view", "cache-volume", "cache-filesystem", "build-network"],
  remedy: "Look at the log of buildkitd.service; it is started again by itself",
  evidence: ({ buildkit: { at, version, restarts, lastExit, quarantined } }) => [
    `${version === "" ? "buildkitd of an unknown version" : version}: ${at}`,
    `restarted ${restarts} times since control started${lastExit === "" ? "" : `, last ended: ${lastExit}`}`,
    ...(quarantined === "" ? [] : [`set aside at its last start: ${quarantined}`]),
  ],
  look({ buildkit: view }) {
    if (view.at === "unknown") return unknown(view.message);
    const due = view.isOutdated ? "; it starts anew for the installed release once no session is open" : "";
    return view.at === "ready" ? ok(`${view.message}${due}`) : failed(view.message);
  },
};

const ELSE =
  "see what else lies on it: du --one-file-system --max-depth=2 /var/lib/builder-agent/cache | sort -n | tail";
/** ext4's number is fixed when it is made. */
const MORE_INODES = `Set cacheVolume.filesystem to "xfs", which makes inodes as it needs them, for the next volume that is formatted; or ${ELSE}`;

export const disk: Check = {
  name: "disk",
  title: "Space for the cache",
  blocking: true,
  neededByBuilds: true,
  dependsOn: ["machine-certificate", "control-plane-view", "cache-volume", "cache-filesystem"],
  remedy: `Make the cache's disk larger, or ${ELSE}`,
  evidence({ resources }) {
    if (resources === undefined) return ["Neither space nor inodes were looked at yet"];
    const { cacheFreeBytes: free, cacheSizeBytes: size, cacheInodes, cacheFreeInodes } = resources;
    return [
      `${sizeInWords(free)} of ${sizeInWords(size)} free; builds are refused below ${sizeInWords(DISK_FULL_BYTES)}`,
      cacheInodes === 0
        ? "its inodes have no fixed number"
        : `${cacheFreeInodes} of ${cacheInodes} inodes free; builds are refused below ${inodeLevels(cacheInodes).fullInodes}`,
    ];
  },
  look({ resources, relief, desired }) {
    if (resources === undefined) return unknown("Not looked at yet");
    const { cacheFreeBytes: free, cacheSizeBytes: size, cacheInodes, cacheFreeInodes } = resources;
    const { fullInodes, lowInodes } = inodeLevels(cacheInodes);
    const { lowBytes } = diskLevels(size, desired?.buildkit.minFreeSpaceBytes ?? 0);
    const bytes = `${sizeInWords(free)} of ${sizeInWords(size)} free`;
    const inodes = `${cacheFreeInodes} of ${cacheInodes} inodes free, one for each file`;
    const done = relief.message === "" ? "" : `; ${relief.message}`;
    if (free < DISK_FULL_BYTES)
      return failed(`${bytes}: builds are refused below ${sizeInWords(DISK_FULL_BYTES)}${done}`);
    if (cacheFreeInodes < fullInodes)
      return failed(`${inodes}: builds are refused below ${fullInodes}${done}`, { remedy: MORE_INODES });
    const low = [
      free < lowBytes ? `: the cache is pruned below ${sizeInWords(lowBytes)}` : "",
      cacheFreeInodes < lowInodes ? `, ${inodes}: it is pruned below ${lowInodes}` : "",
    ];
    return ok(`${bytes}${low.join("")}${done}`);
  },
};
