import { afterAll, beforeAll } from "vitest";
import { SandboxTailnet, type TailnetOptions } from "../../../sandbox/tailnet/tailnet.ts";
import { needsTailnet, tailnetDir, tailnetTools } from "../../sandbox/tailnet/needs-tailnet.ts";
import { Builder, type BuilderOptions } from "./builder.ts";

/**
 * One real tailnet for a file's tests, and builders for it. Where its parts have not been built,
 * each test is skipped with the reason.
 */
export function withTailnet(options: Pick<TailnetOptions, "routes"> = {}): {
  readonly tailnet: () => SandboxTailnet;
  readonly builder: (options?: Partial<BuilderOptions>) => Promise<Builder>;
} {
  const open: AsyncDisposable[] = [];
  let tailnet: SandboxTailnet | undefined;
  needsTailnet();
  beforeAll(async () => {
    const tools = toolsOrNothing();
    if (tools === undefined) return;
    const dir = await tailnetDir();
    open.push(dir);
    tailnet = await SandboxTailnet.start({ tools, dir: dir.path, ...options });
    open.push(tailnet);
  });
  afterAll(async () => {
    for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  });
  return {
    tailnet: () => {
      if (tailnet === undefined) throw new Error("There is no tailnet");
      return tailnet;
    },
    builder: (over = {}) => Builder.make({ tailscaled: tailnetTools().tailscaled, ...over }),
  };
}

function toolsOrNothing() {
  try {
    return tailnetTools();
  } catch {
    return undefined;
  }
}
