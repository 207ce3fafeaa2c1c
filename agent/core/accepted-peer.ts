/**
 * The user at the other end of a connection that systemd accepted, as it names that connection's
 * unit: "<number>-<pid>-<uid>" (systemd.socket(5), Accept=; from release 257 on the process has an
 * inode after an underscore). Undefined for another name.
 */
export function acceptedUid(instance: string): number | undefined {
  const uid = /^\d+-\d+(?:_\d+)?-(?<uid>\d+)$/.exec(instance)?.groups?.["uid"];
  return uid === undefined ? undefined : Number(uid);
}

/**
 * passwd(5): name, password, uid, … Undefined for a name that is not there, or that is there twice.
 */
export function uidOf(name: string, passwd: string): number | undefined {
  const entries = passwd
    .split("\n")
    .map((line) => line.split(":"))
    .filter(([user]) => user === name);
  const uid = entries.length === 1 ? entries[0]?.[2] : undefined;
  return uid !== undefined && /^\d+$/.test(uid) ? Number(uid) : undefined;
}
