import { z } from "zod";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import { readIfThere, removeFile, replaceFile, setAside } from "../../files/whole-file.ts";
import type { KeptOrders } from "../../ports/kept-orders.ts";
import type { LogOf } from "../../ports/log.ts";

/** One of each source; a newer release may know more of them. */
const MOST_ORDERS = 16;

const File = z.object({
  version: z.literal(1),
  bootId: z.string(),
  orders: z
    .array(
      z.object({
        // A newer release may know more of them: the order counts, whosever it is.
        from: z.enum(["control-plane", "provider", "operator"]).catch("operator"),
        reason: z.string(),
        deadlineMonoMs: z.number(),
        hurry: z.boolean().exactOptional(),
      }),
    )
    .max(MOST_ORDERS),
  builds: z.array(z.string()).max(CONTRACT_LIMITS.openBuilds).exactOptional(),
});

/**
 * A file on tmpfs, replaced whole. Deadlines are CLOCK_MONOTONIC, which all processes of a boot
 * read alike; a file of another boot is as none. One that cannot be read is set aside as
 * `<file>.damaged`.
 */
export function endOrderFile(
  file: string,
  log: LogOf<"end-orders.damaged" | "end-orders.not-kept" | "end-orders.not-forgotten">,
): KeptOrders {
  return {
    async load(bootId) {
      try {
        const bytes = await readIfThere(file);
        if (bytes === undefined) return undefined;
        const { bootId: keptIn, orders, builds } = File.parse(JSON.parse(bytes.toString("utf8")));
        return keptIn === bootId ? { orders, ...(builds && { builds }) } : undefined;
      } catch (err) {
        log.error({ file, err }, "end-orders.damaged");
        await setAside(file, `${file}.damaged`).catch(() => undefined);
        return undefined;
      }
    },
    async save(bootId, ending) {
      try {
        await replaceFile(file, JSON.stringify({ version: 1, bootId, ...ending }), { directoryMode: 0o750 });
      } catch (err) {
        log.error({ file, err }, "end-orders.not-kept");
      }
    },
    async forget() {
      try {
        if ((await readIfThere(file)) !== undefined) await removeFile(file);
      } catch (err) {
        log.error({ file, err }, "end-orders.not-forgotten");
      }
    },
  };
}
