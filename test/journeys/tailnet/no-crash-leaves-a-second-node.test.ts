import { beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../stage/eventually.ts";
import { processesNaming } from "../stage/processes.ts";
import { REF } from "../stage/set-up.ts";
import { sharedTailnet } from "./stage/shared-tailnet.ts";

const tailnet = sharedTailnet();

const PRIVATE = "This page is private.";

async function nodeIds(): Promise<readonly string[]> {
  return (await tailnet().builders()).map(({ id }) => id);
}

async function killTailscaled(): Promise<void> {
  const daemons = (await processesNaming(tailnet().stage.runtimeDir)).filter(({ words }) =>
    words[0]?.endsWith("/tailscaled"),
  );
  expect(daemons).toHaveLength(1);
  for (const { pid } of daemons) process.kill(pid, "SIGKILL");
}

/** The page, once builds reach it again. */
function pageAgain(): Promise<true> {
  const { name } = tailnet().site.tailnet.peer;
  return eventually("a step reaches the page", async () => (await tailnet().page(name)) === PRIVATE && true);
}

describe("after a SIGKILL of", () => {
  beforeEach(async () => {
    await tailnet().grant();
  });

  it("control, the node goes on as the same, and a step that is under way is not cut off", async () => {
    const before = await nodeIds();
    const [address = ""] = tailnet().site.tailnet.peer.addresses;
    const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 5 ${address} 80`;
    await using running = await tailnet().begin(
      `until ${ask} && [ -e /go ]; do /bin/busybox sleep 0.1; ${ask} || exit 1; done`,
    );
    await running.says(PRIVATE);
    const taken = tailnet().stage.log.next("tailnet.taken-over");
    await tailnet().stage.kill("control");
    await taken;
    expect(running.isRunning).toBe(true);
    expect(await nodeIds()).toEqual(before);
    await pageAgain();
  });

  it("tailscaled, there is one node and builds reach the tailnet again", async () => {
    await killTailscaled();
    await pageAgain();
    expect(await nodeIds()).toHaveLength(1);
  });

  it("the launcher, and with it all there was: the next start has one node, and builds reach the tailnet again", async () => {
    const { stage } = tailnet();
    await stage.kill("launcher");
    await stage.startAgain();
    await pageAgain();
    await eventually("there is one node", async () => (await nodeIds()).length === 1);
  });

  it("the launcher, where the grant is gone at the next start: no node, no open guard, no build in the tailnet", async () => {
    const { stage } = tailnet();
    const { name } = tailnet().site.tailnet.peer;
    await stage.kill("launcher");
    await stage.ended();
    stage.plane.wish(REF, { tailnet: undefined });
    await stage.startAgain();
    expect(await tailnet().isOpen()).toBe(false);
    expect(await tailnet().page(name)).not.toContain(PRIVATE);
    await eventually("there is no node", async () => (await nodeIds()).length === 0);
    expect(await tailnet().vmRun("ip", ["-brief", "link"])).not.toContain("tailscale0");
  });
});

describe("an agent that is told to end", () => {
  it("leaves no node behind", async () => {
    await tailnet().grant();
    await tailnet().stage.kill("launcher", "SIGTERM");
    expect(await tailnet().stage.ended()).toMatchObject({ code: 0 });
    expect(await nodeIds()).toEqual([]);
    expect(await tailnet().isOpen()).toBe(false);
    expect(await tailnet().vmRun("ip", ["-brief", "link"])).not.toContain("tailscale0");
  });
});
