import type { UnitExit } from "../../ports/buildkit.ts";

/** What it finds around it in place of the machine's. Paths. */
export interface Surroundings {
  /** What it and what it starts see as /etc/resolv.conf, there and nowhere else. */
  readonly resolvConf: string;
  /** For sh(1): becomes the command that it is given, in a network of its own. */
  readonly program: string;
}

/**
 * Wraps a command (util-linux) so that it cannot leave anything behind. It is the first process of
 * a PID namespace and has a mount namespace of its own: when it ends, however it ends, the kernel
 * kills every build step that it started and drops its mounts (overlays, network namespaces).
 * Without, a SIGKILL of buildkitd leaves the RUN step running and three mounts in place.
 * `--propagation slave` lets later mounts of the host be seen. If the thread that started it dies,
 * the wrapper is killed (pdeathsig), and with it the rest (kill-child).
 */
export function isolated(
  command: string,
  args: readonly string[],
  network?: Surroundings,
): { readonly command: string; readonly args: string[] } {
  return {
    command: "setpriv",
    args: [
      ...["--pdeathsig", "KILL", "--", "unshare"],
      ...["--fork", "--pid", "--mount-proc", "--propagation", "slave", "--kill-child=KILL", "--"],
      ...(network === undefined
        ? []
        : ["sh", "-ec", WITH_RESOLV_CONF, "sh", network.resolvConf, "sh", network.program]),
      command,
      ...args,
    ],
  };
}

/**
 * Where /etc/resolv.conf is a link to a file of systemd-resolved, that one comes and goes under the
 * mount: its directory stays. Where it is absent, or a link to nothing, there is nothing to mount
 * over: buildkitd sees an /etc with such a file laid over the machine's, which stays as it is.
 */
const WITH_RESOLV_CONF = `
  trap 'echo "buildkitd cannot be given its own /etc/resolv.conf: see the line before, and make /etc/resolv.conf a plain file" >&2' EXIT
  if test -d /run/systemd/resolve; then mount --bind -- "\${1%/*}" /run/systemd/resolve; fi
  if test ! -e /etc/resolv.conf; then
    etc="\${1%/*/*}/etc"
    mkdir -p -- "$etc"
    mount -t tmpfs -o mode=0755 builder-agent "$etc"
    mkdir -- "$etc/upper" "$etc/work"
    (cd -- "$etc" && mount -t overlay -o lowerdir=/etc,upperdir=upper,workdir=work builder-agent /etc)
    rm -f /etc/resolv.conf
    : >/etc/resolv.conf
  fi
  mount --bind -- "$1" /etc/resolv.conf
  shift
  exec "$@"`;

/**
 * unshare ends itself as its child ended, except that it cannot for SIGKILL (its `signal(SIGKILL,
 * SIG_DFL)` fails, and it exits with 1 and these words: util-linux 2.34 to at least 2.41). Then
 * this tells what really happened.
 */
export function unwrapped(exit: UnitExit): UnitExit {
  const complaint = exit.lastLines.at(-1)?.startsWith("unshare: sigprocmask unblock failed") === true;
  if (exit.code !== 1 || !complaint) return exit;
  const { code: _, ...rest } = exit;
  return { ...rest, signal: "SIGKILL", lastLines: exit.lastLines.slice(0, -1) };
}
