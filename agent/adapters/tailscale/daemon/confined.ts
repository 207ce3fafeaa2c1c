/** Nobody listens there. */
const NO_BUS = "unix:path=/nonexistent";

/**
 * Wraps tailscaled so that it dies with the thread that starts it, and changes no names of the
 * machine: in a mount namespace of its own /etc is read-only (a resolv.conf that was mounted over
 * it by itself as well), and the system bus is not to be seen, so that neither resolved nor
 * NetworkManager is asked. Its own resolver, 100.100.100.100, works all the same:
 * docs/decisions/0017-tailscaled-is-steered-by-its-local-api.md. Without a TUN device it does not
 * touch names, needs no root, and gets no namespace.
 */
export function confined(
  binary: string,
  args: readonly string[],
  { userspace }: { readonly userspace: boolean },
): { readonly command: string; readonly args: readonly string[] } {
  const dies = ["--pdeathsig", "KILL", "--"];
  if (userspace) return { command: "setpriv", args: [...dies, binary, ...args] };
  return {
    command: "setpriv",
    args: [...dies, "unshare", "--mount", "--", "sh", "-eu", "-c", HIDE, "sh", binary, ...args],
  };
}

const HIDE = [
  "mount --rbind /etc /etc",
  "mount -o remount,bind,ro /etc",
  "if mountpoint -q /etc/resolv.conf; then mount -o remount,bind,ro /etc/resolv.conf; fi",
  "if [ -d /run/dbus ]; then mount -t tmpfs -o ro,mode=0,size=4k none /run/dbus; fi",
  'exec "$@"',
].join("\n");

/**
 * What tailscaled needs from outside: programs, a home, the way to servers, and the switch of its
 * own with which tests keep it away from the real service. Nothing else passes: TS_AUTHKEY and its
 * like would change what it does.
 */
const PASSED: readonly string[] = [
  ...["PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"],
  ...["TS_PANIC_IF_HIT_MAIN_CONTROL"],
];

export function daemonEnvironment(ours: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed: NodeJS.ProcessEnv = Object.fromEntries(
    PASSED.flatMap((name) => (ours[name] === undefined ? [] : [[name, ours[name]]])),
  );
  // What it would tell its makers is the customer's.
  return { ...passed, TS_NO_LOGS_NO_SUPPORT: "1", DBUS_SYSTEM_BUS_ADDRESS: NO_BUS };
}
