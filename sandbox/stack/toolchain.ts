import { access, readFile } from "node:fs/promises";
import { z } from "zod";
import { EXIT, SandboxFailure } from "../failure.ts";
import { inTree } from "./tree.ts";

const schema = z.object({
  buildkitd: z.string(),
  buildctl: z.string(),
  bbolt: z.string(),
  runc: z.string(),
  busybox: z.string(),
  cniPtp: z.string(),
  /** Only where the tests were set up as well. */
  buildx: z.string().exactOptional(),
  /** Only where a tailnet was set up as well. */
  tailscaled: z.string().exactOptional(),
});

/** Absolute paths of the programs that set-up has found or built. */
export type Toolchain = z.infer<typeof schema>;

/** @throws {SandboxFailure} when set-up has not run, or what it found has gone. */
export async function readToolchain(): Promise<Toolchain> {
  const file = inTree("dist/toolchain.json");
  try {
    const toolchain = schema.parse(JSON.parse(await readFile(file, "utf8")));
    await Promise.all(Object.values(toolchain).map((path) => access(path)));
    return toolchain;
  } catch (cause) {
    const message = `The tools that a builder needs are not all there (${file}): run "npm run setup -- sandbox" first.`;
    throw new SandboxFailure(EXIT.unavailable, message, cause);
  }
}
