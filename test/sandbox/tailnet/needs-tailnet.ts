import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach } from "vitest";
import { messageOf } from "../../../sandbox/failure.ts";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { readTailnetTools, type TailnetTools } from "../../../sandbox/tailnet/tools.ts";

/** What a tailnet is made of, or why it is not to be had here. */
const found: { readonly tools: TailnetTools } | { readonly why: string } = await readTailnetTools().then(
  (tools) => ({ tools }),
  (failure: unknown) => ({ why: messageOf(failure) }),
);

/**
 * Why there can be no tailnet: there is no root though it is needed. Undefined when there can.
 * @throws {Error} where the tools have not been built.
 */
export function whyNoTailnet(as: "anybody" | "root" = "anybody"): string | undefined {
  tailnetTools();
  return as === "root" && process.getuid?.() !== 0 ? "network namespaces need root" : undefined;
}

/** Skips each test of the file, with the reason, where there can be none. */
export function needsTailnet(as: "anybody" | "root" = "anybody"): void {
  beforeEach(({ skip }) => {
    const why = whyNoTailnet(as);
    if (why !== undefined) skip(why);
  });
}

/** Of a test that `needsTailnet`. */
export function tailnetTools(): TailnetTools {
  if ("why" in found) throw new Error(found.why);
  return found.tools;
}

/** Short, for sockets. */
export function tailnetDir(): Promise<TempDir> {
  return TempDir.make(join(tmpdir(), "tn-"));
}
