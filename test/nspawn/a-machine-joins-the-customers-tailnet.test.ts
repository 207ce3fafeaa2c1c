import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { TailnetState } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { NamespacedTailnet } from "../../sandbox/tailnet/in-namespaces.ts";
import { BUILDER_TAG } from "../../sandbox/tailnet/policy.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { needsTailnet, tailnetDir, tailnetTools } from "../sandbox/tailnet/needs-tailnet.ts";
import { REF } from "./stage/machine.ts";
import { sharedMachine } from "./stage/shared-machine.ts";
import { canBoot } from "./stage/whether.ts";

const machine = sharedMachine({ hasWorld: true });
const [DAEMON, CONTROL] = ["tailscaled.service", "builder-agent-control.service"] as const;
needsTailnet("root");

const open: AsyncDisposable[] = [];
let site: NamespacedTailnet;
/** What the machine itself went by for names, before all and after each test. */
const names = new Set<string>();
beforeAll(async () => {
  if (!canBoot()) return;
  const dir = await tailnetDir();
  open.push(dir);
  site = await NamespacedTailnet.start({ tools: tailnetTools(), dir: dir.path, world: machine().world });
  open.push(site);
  names.add(await machinesNames());
}, 60_000);
afterAll(async () => {
  for (const one of open.toReversed()) await one[Symbol.asyncDispose]();
});
afterEach(async () => {
  if (names.size > 0) names.add(await machinesNames());
});

function machinesNames(): Promise<string> {
  const files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
  return machine().container.run("sh", ["-c", `readlink ${files[0]}; cat ${files.join(" ")}`]);
}

/** Of builders: their ids. */
async function nodes(): Promise<readonly string[]> {
  return (await site.tailnet.headscale.nodes()).filter(({ tags }) => tags.includes(BUILDER_TAG)).map(({ id }) => id);
}

/** What a step gets from there, over HTTP. */
function fetched(host: string): Promise<string> {
  return machine().runInStep(`printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${host} 80 2>&1 || echo not reached`);
}

function guardIs(tailnet: "closed" | "open"): Promise<unknown> {
  return eventually(`the guard is ${tailnet}`, async () => {
    // While it changes, the command says so by its exit code.
    const shown = JSON.parse(
      await machine().container.run("sh", ["-c", "builder-agent network show --json || true"]),
    ) as {
      readonly applied: { readonly tailnet: string };
    };
    return shown.applied.tailnet === tailnet;
  });
}

async function joined(): Promise<string> {
  const told = await eventually("the machine says that it has joined", () => {
    const now = machine()
      .plane.machines()
      .find(({ observed }) => observed?.tailnet?.state === TailnetState.JOINED);
    return now?.observed?.tailnet;
  });
  await guardIs("open");
  return told.nodeId;
}

it("without a grant there is no daemon, and a step does not get there", async () => {
  expect(await machine().container.show(DAEMON, "ActiveState")).toEqual({ ActiveState: "inactive" });
  const { peer } = site.tailnet;
  for (const host of [peer.name, peer.addresses[0] ?? ""]) expect(await fetched(host)).toContain("not reached");
});

it("under a grant control, without any right of its own, makes the machine a node, and a step gets there by name", async () => {
  const { client, headscale, api, peer, page } = site.tailnet;
  machine().plane.wish(REF, {
    tailnet: {
      grantId: "grant-1",
      coordinationUrl: headscale.url,
      apiUrl: api.url,
      credential: { $case: "oauthClient", value: { clientId: client.clientId, clientSecret: client.clientSecret } },
      tags: [BUILDER_TAG],
      acceptRoutes: false,
      required: false,
    },
  });
  const node = await joined();
  expect(await nodes()).toEqual([node]);
  expect(await fetched(peer.name)).toContain(page.text.trim());
  expect(await machine().container.run("builder-agent", ["doctor", "isolation"])).toContain("isolated");
});

it.each([
  { who: "tailscaled", unit: DAEMON },
  { who: "control", unit: CONTROL },
])("$who is killed: the machine goes on as the same node", async ({ unit }) => {
  const [node = ""] = await nodes();
  const pid = async (): Promise<string> => (await machine().container.show(unit, "MainPID")).MainPID;
  const before = await pid();
  await machine().container.run("systemctl", ["kill", "--signal=KILL", "--kill-whom=main", unit]);
  await eventually(`another ${unit}`, async () => !["0", before].includes(await pid()));
  await machine().readyAgain();
  expect(await joined()).toBe(node);
  expect(await nodes()).toEqual([node]);
  expect(await fetched(site.tailnet.peer.name)).toContain(site.tailnet.page.text.trim());
});

it("a drain ends it: guard closed, node gone, daemon, keys and interface as well", async () => {
  const { container, plane } = machine();
  await plane
    .drain(REF, { reason: "a newer image", graceMs: 60_000 })
    .applied()
    .catch(() => undefined);
  await eventually("the node is gone", async () => (await nodes()).length === 0);
  await eventually("control has ended", async () => {
    const { ActiveState } = await container.show(CONTROL, "ActiveState");
    return ActiveState === "inactive";
  });
  await guardIs("closed");
  expect(await container.show(DAEMON, "ActiveState")).toEqual({ ActiveState: "inactive" });
  expect(await container.run("ls", ["/run/builder-agent/tailnet"])).toBe("");
  expect(await container.run("ip", ["-brief", "link"])).not.toContain("tailscale0");
  expect(await container.run("ip", ["rule"])).not.toMatch(/^52\d\d:/m);
});

it("nothing of it was refused by its confinement but the way to the machine's names", async () => {
  const units = [DAEMON, CONTROL, "builder-agent-network@*"].map((unit) => `--unit=${unit}`);
  const journal = await machine().container.run("journalctl", ["--output=cat", ...units]);
  const refused = journal
    .split("\n")
    .filter((line) => !line.startsWith("dns: "))
    .filter(
      (line) =>
        /not permitted|permission denied|read-only file|EPERM|EACCES|EROFS|seccomp/i.test(line) &&
        !line.startsWith("dns: "),
    );
  expect(refused).toEqual([]);
});

it("the machine's own names were the same all along", () => {
  expect([...names]).toHaveLength(1);
});
