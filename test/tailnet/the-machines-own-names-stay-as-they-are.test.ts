import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeEach, expect, it } from "vitest";
import { confined, daemonEnvironment } from "../../agent/adapters/tailscale/daemon/confined.ts";

beforeEach(({ skip }) => {
  if (process.getuid?.() !== 0) skip("a mount namespace of its own needs root");
});

it("lets tailscaled write nothing below /etc, resolv.conf included, and ask no bus; this machine sees nothing of that", async () => {
  const before = await mounts();
  const script = [
    "touch /etc/builder-agent-was-here 2>&1",
    "(echo '# changed' >> /etc/resolv.conf) 2>&1",
    "mv /etc/resolv.conf /etc/resolv.conf.away 2>&1",
    "ls -A /run/dbus 2>/dev/null",
    "echo $DBUS_SYSTEM_BUS_ADDRESS",
    "cat /etc/resolv.conf",
  ].join("; ");
  const resolvConf = await readFile("/etc/resolv.conf", "utf8");
  const { command, args } = confined("sh", ["-c", script], { userspace: false });
  const { stdout } = await promisify(execFile)(command, [...args], { env: daemonEnvironment(process.env) });
  expect(stdout).toMatch(
    /^touch: .*: Read-only file system\n.*Read-only file system\nmv: .*(Read-only file system|resource busy)\nunix:path=\/nonexistent\n/,
  );
  expect(stdout.endsWith(resolvConf)).toBe(true);
  expect(await mounts()).toBe(before);
  await expect(access("/etc/builder-agent-was-here")).rejects.toThrow("ENOENT");
});

it("gives tailscaled nothing of our environment but the way to programs and servers", () => {
  const ours = { PATH: "/bin", TS_AUTHKEY: "secret", TS_DEBUG_MTU: "1", BUILDER_AGENT_X: "1", HTTPS_PROXY: "http://p" };
  expect(daemonEnvironment(ours)).toEqual({
    PATH: "/bin",
    HTTPS_PROXY: "http://p",
    TS_NO_LOGS_NO_SUPPORT: "1",
    DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/nonexistent",
  });
});

function mounts(): Promise<string> {
  return readFile("/proc/self/mountinfo", "utf8");
}
