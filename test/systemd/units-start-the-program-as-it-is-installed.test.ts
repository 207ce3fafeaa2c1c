import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { BUILDS_SLICE, OWN_UNIT, UNIT_NAMES } from "../../agent/adapters/systemd/unit-names.ts";
import { judge } from "../../agent/cli/config/judge.ts";
import { gatewayEnvironment, OPENSSL_WITHOUT_TICKETS } from "../../agent/cli/gateway-environment.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { NO_DEBUGGER, NODE_FLAGS } from "../../agent/cli/node-flags.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { commandsOf, UNIT_FILES, valuesOf } from "./units.ts";

const [NODE, MAIN] = ["/usr/lib/builder-agent/node/bin/node", "/usr/lib/builder-agent/agent/cli/main.js"];
const WITH_SOCKET = "/usr/lib/builder-agent/bin/with-notify-socket";
/** As which release it is started, where control looks. */
const NOTE = ["/usr/bin/sh", "/usr/lib/builder-agent/bin/note-parts"] as const;
const KEEPER = "/usr/lib/builder-agent/bin/keep-gateway";
const STATE_DIR = "/var/lib/builder-agent";
const LAYOUT = layoutOf({ stateDir: STATE_DIR, runtimeDir: "/run/builder-agent", cacheDir: `${STATE_DIR}/cache` });

it.each([
  ["builder-agent-volume@.service", NODE_FLAGS.order, ["volume", "serve", "--peer", "%i"]],
  ["builder-agent-volume.service", NODE_FLAGS.order, ["volume", "close"]],
  ["builder-agent-network@.service", NODE_FLAGS.order, ["network", "serve", "--peer", "%i"]],
  ["builder-agent-terminal@.service", NODE_FLAGS.terminal, ["terminal", "serve", "--peer", "%i"]],
  ["builder-agent-terminal-root@.service", NODE_FLAGS.terminal, ["terminal", "serve", "--peer", "%i"]],
  ["buildkitd.service", NODE_FLAGS.order, ["buildkit", "prepare"]],
  ["buildkitd.service", NODE_FLAGS.order, ["buildkit", "ended"]],
  ["builder-agent-buildkit-metrics.service", NODE_FLAGS.order, ["buildkit", "metrics"]],
  ["builder-agent-sweep.service", NODE_FLAGS.order, ["buildkit", "sweep"]],
  ["tailscaled.service", NODE_FLAGS.order, ["network", "close"]],
])("%s runs Node with %j for %j", (unit, flags, command) => {
  expect(commandsOf(unit)).toContainEqual([NODE, NO_DEBUGGER, ...flags, MAIN, ...command]);
});

it.each([
  ["builder-agent-gateway.service", [...NOTE, LAYOUT.gatewayParts, KEEPER, LAYOUT.gatewayEnd], "gateway"] as const,
  ["builder-agent-control.service", [], "control"] as const,
])("%s runs, by %j, Node with a socket to systemd for %s", (unit, before, command) => {
  const node = [NODE, NO_DEBUGGER, ...NODE_FLAGS[command], MAIN, command];
  expect(commandsOf(unit)).toContainEqual([...before, WITH_SOCKET, ...node]);
});

it("notes of BuildKit as which release it was started, where control looks", () => {
  const start = readFileSync(inTree("tools/image/deb/files/start-buildkitd"), "utf8");
  expect(start).toContain(`\nsh ${NOTE[1]} ${LAYOUT.buildkitParts} || :\n`);
});

it("has the gateway's OpenSSL send no tickets, as the launcher does", () => {
  const [file, place] = ["gateway-openssl.cnf", "/usr/lib/builder-agent/gateway-openssl.cnf"];
  const environment = Object.entries(gatewayEnvironment(place)).map(([name, value]) => `${name}=${value}`);
  expect(valuesOf("builder-agent-gateway.service", "Environment")).toContain(environment.join(" "));
  expect(readFileSync(inTree(`tools/image/deb/files/${file}`), "utf8")).toBe(OPENSSL_WITHOUT_TICKETS);
});

it("puts the builds' network right when what it stands on has changed, with what it keeps before its eyes", () => {
  const restore = [NODE, NO_DEBUGGER, ...NODE_FLAGS.order, MAIN, "network", "restore"];
  const [watch = []] = commandsOf("builder-agent-network-watch.service");
  expect(watch.slice(0, 3)).toEqual([
    "/usr/lib/builder-agent/bin/watch-network",
    LAYOUT.networkState,
    "/etc/resolv.conf",
  ]);
  expect(watch.slice(watch.indexOf("--") + 1)).toEqual(restore);
});

it("tries whether the cache takes a write where it is mounted, and says so where control looks", () => {
  const unit = "builder-agent-cache-watch.service";
  expect(commandsOf(unit)).toEqual([["/usr/lib/builder-agent/bin/watch-cache", LAYOUT.cacheDir, LAYOUT.cacheWrites]]);
  expect(valuesOf(unit, "BindsTo")).toEqual([UNIT_NAMES["cache-mount"]]);
  expect(valuesOf(unit, "RuntimeDirectory").map((name) => `/run/${name}`)).toEqual([dirname(LAYOUT.cacheWrites)]);
});

it("puts the guard in force before BuildKit starts, with the machine's own resolv.conf before its eyes", () => {
  const ensure = [NODE, NO_DEBUGGER, ...NODE_FLAGS.order, MAIN, "network", "ensure"];
  const look = ["/usr/bin/sh", "/usr/lib/builder-agent/bin/ensure-network", dirname(LAYOUT.networkState)];
  const among = ["/usr/bin/nsenter", "--mount=/proc/1/ns/mnt", "--"];
  expect(commandsOf("buildkitd.service")[0]).toEqual([...among, ...look, ...ensure]);
});

it("starts Node in no other way, and never with a debugger to be had by a signal", () => {
  const others = UNIT_FILES.flatMap(commandsOf).filter(
    (words) => words.includes(NODE) && !(words.includes(MAIN) && words.includes(NO_DEBUGGER)),
  );
  expect(others).toEqual([]);
});

it("fixes where programs are found, whatever the service manager's own PATH is", () => {
  const startsNode = (unit: string): boolean => commandsOf(unit).some((command) => command.includes(NODE));
  const fixed = (unit: string): boolean =>
    valuesOf(unit, "Environment").some((value) => /^PATH=\S*\/usr\/sbin:\/usr\/bin:\/sbin:\/bin$/.test(value));
  expect(UNIT_FILES.filter(startsNode).filter((unit) => !fixed(unit))).toEqual([]);
});

it.each([
  ["builder-agent-gateway.service", "ReadWritePaths", LAYOUT.gatewayDir],
  [
    "builder-agent-control.service",
    "ReadWritePaths",
    `${LAYOUT.controlDir} ${LAYOUT.operatorsDir} ${LAYOUT.recordsDir} ${LAYOUT.recordingsDir}`,
  ],
  ["builder-agent-terminal.socket", "ListenStream", LAYOUT.terminalSocket],
  ["builder-agent-terminal-root.socket", "ListenStream", LAYOUT.rootTerminalSocket],
  ["builder-agent-volume.socket", "ListenStream", LAYOUT.volumeSocket],
  [
    "builder-agent-volume@.service",
    "ReadWritePaths",
    `${LAYOUT.volumeRuntimeDir} ${LAYOUT.volumeStateDir} -/run/cryptsetup`,
  ],
  [
    "builder-agent-volume.service",
    "ReadWritePaths",
    `${LAYOUT.volumeRuntimeDir} ${LAYOUT.volumeStateDir} -/run/cryptsetup`,
  ],
  ["builder-agent-buildkit-metrics.socket", "ListenStream", LAYOUT.buildkitMetricsSocket],
  ["builder-agent-network.socket", "ListenStream", LAYOUT.networkSocket],
  ["builder-agent-network@.service", "ReadWritePaths", LAYOUT.networkDir],
  ["builder-agent-network-watch.service", "ReadWritePaths", LAYOUT.networkDir],
  ["buildkitd.service", "ReadWritePaths", `${LAYOUT.buildkitDir} ${LAYOUT.cacheDir}`],
  ["buildkitd.service", "ReadWritePaths", LAYOUT.networkLeasesDir],
  ["buildkitd.service", "EnvironmentFile", `-${LAYOUT.buildkitEnvironmentFile}`],
  ["buildkitd.service", "BindReadOnlyPaths", `${LAYOUT.networkResolvConf}:/etc/resolv.conf`],
  ["buildkitd.service", "BindReadOnlyPaths", `${dirname(LAYOUT.networkResolvConf)}:/run/systemd/resolve`],
  ["tailscaled.service", "ReadWritePaths", dirname(LAYOUT.tailnetSocket)],
  [UNIT_NAMES["cache-mount"], "Where", LAYOUT.cacheDir],
])("%s: %s=%s, where the processes look", (unit, setting, path) => {
  expect(valuesOf(unit, setting)).toContain(path);
});

it("starts buildkitd with the configuration that was judged", () => {
  expect(commandsOf("buildkitd.service")).toContainEqual([
    "/usr/lib/builder-agent/bin/start-buildkitd",
    "--config",
    LAYOUT.buildkitConfigFile,
  ]);
});

it("starts tailscaled with its keys where they are looked for, as it is configured by default", () => {
  const { tun, port } = judge(new Map(), ["tailnet"], undefined).config?.tailnet ?? {};
  expect(commandsOf("tailscaled.service")).toContainEqual([
    "/usr/lib/builder-agent/bin/tailscaled",
    `--state=${join(LAYOUT.tailnetStateDir, "tailscaled.state")}`,
    `--statedir=${LAYOUT.tailnetStateDir}`,
    "--encrypt-state=false",
    "--hardware-attestation=false",
    `--socket=${LAYOUT.tailnetSocket}`,
    `--tun=${tun}`,
    `--port=${port}`,
  ]);
});

it("knows every unit that control may ask for, itself, and the slice of the builds", () => {
  expect(UNIT_FILES).toEqual(expect.arrayContaining([...Object.values(UNIT_NAMES), OWN_UNIT, BUILDS_SLICE]));
  expect(valuesOf("buildkitd.service", "Slice")).toEqual([BUILDS_SLICE]);
});

it("keeps all that control asks for until control has ended", () => {
  const after = valuesOf(OWN_UNIT, "After").flatMap((value) => value.split(" "));
  expect(after).toEqual(expect.arrayContaining(Object.values(UNIT_NAMES)));
});
