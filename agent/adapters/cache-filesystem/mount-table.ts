import type { MountSeen } from "../../core/cache-filesystem.ts";

/**
 * The mount that a path leads to: of those that hold it, the last one lies on top. @param table
 * /proc/self/mountinfo, proc_pid_mountinfo(5).
 */
export function mountHolding(table: string, path: string): MountSeen | undefined {
  const holding = table.split("\n").flatMap((line) => {
    const mount = mountOf(line);
    return mount !== undefined && isWithin(path, mount.mountPoint) ? [mount] : [];
  });
  // A mount further up that came later hides what was mounted below it before.
  return holding.at(-1);
}

/** "36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue" */
function mountOf(line: string): MountSeen | undefined {
  const [left = "", right = ""] = line.split(" - ");
  const [, , device, root, mountPoint] = left.split(" ");
  const [filesystem, source, options] = right.split(" ");
  if (device === undefined || root === undefined || mountPoint === undefined || filesystem === undefined)
    return undefined;
  return {
    mountPoint: unescaped(mountPoint),
    device,
    root: unescaped(root),
    source: unescaped(source ?? ""),
    filesystem,
    options: (options ?? "").split(",").filter(Boolean),
  };
}

/** The kernel writes blanks and backslashes of a name in octal. */
function unescaped(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}
