import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import type { DeviceFacts } from "../../core/volume/inventory.ts";
import { type Command, QUICK_MS } from "./command.ts";

const COLUMNS = "NAME,PATH,TYPE,SIZE,RO,MOUNTPOINTS,SERIAL,WWN,PARTUUID";

/**
 * A device and all that stands on it. 32, 64: there is no such device any more, or not all of it.
 */
export function listBlock(path: string): Command {
  const args = ["--json", "--bytes", "--output", COLUMNS, path];
  return { program: "lsblk", args, stdin: "nothing", answers: [0], deadlineMs: QUICK_MS };
}

interface Block {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly ro: boolean;
  readonly mountpoints: readonly (string | null)[];
  readonly serial: string | null;
  readonly wwn: string | null;
  readonly partuuid: string | null;
  readonly children?: readonly Block[] | undefined;
}

const BlockSchema: z.ZodType<Block> = z.object({
  path: z.string(),
  type: z.string(),
  size: z.number(),
  ro: z.boolean(),
  mountpoints: z.array(z.string().nullable()),
  serial: z.string().nullable(),
  wwn: z.string().nullable(),
  partuuid: z.string().nullable(),
  get children() {
    return z.array(BlockSchema).optional();
  },
});

const AnswerSchema = z.object({ blockdevices: z.tuple([BlockSchema]) });

/** What lsblk writes in the place of a mount point of swap. */
const SWAP = "[SWAP]";

export type BlockFacts = Pick<DeviceFacts, "path" | "type" | "sizeBytes" | "readOnly" | "identity"> & {
  readonly use: Omit<DeviceFacts["use"], "claimed">;
};

/** @param json What listBlock prints. @throws {AgentError} "cache.tool-answer" */
export function readBlock(json: string): BlockFacts {
  const [device] = parse(json).blockdevices;
  const all = [device, ...descendants(device)];
  const places = all.flatMap(({ mountpoints }) => mountpoints).filter((place) => place !== null);
  const children = device.children ?? [];
  const identity = identityOf(device);
  return {
    path: device.path,
    type: device.type,
    sizeBytes: device.size,
    readOnly: device.ro,
    ...(identity !== undefined && { identity }),
    use: {
      mountPoints: places.filter((place) => place !== SWAP),
      swap: places.includes(SWAP),
      partitions: children.filter(({ type }) => type === "part").map(({ path }) => path),
      holders: children.filter(({ type }) => type !== "part").map(({ path }) => path),
    },
  };
}

function identityOf({ wwn, serial, partuuid }: Block): string | undefined {
  const disk = wwn ?? serial ?? "";
  if (disk.trim() === "" && partuuid === null) return undefined;
  return [disk.trim(), partuuid].filter((part) => part !== null && part !== "").join("/");
}

function descendants({ children = [] }: Block): readonly Block[] {
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function parse(json: string): z.output<typeof AnswerSchema> {
  try {
    return AnswerSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new AgentError("cache.tool-answer", "lsblk answered something else than one block device in JSON", {
      retryable: true,
      cause,
    });
  }
}
