/**
 * The base system's programs that may be used without being installed, by the Debian package that
 * brings them: each is of priority "required", so every Debian machine has it. Whatever else is
 * used is declared in debian-table.mjs or go-tools.mjs.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const basePrograms = {
  apt: ["apt-get", "apt-cache", "apt-config"],
  bash: ["bash"],
  bsdutils: ["script"],
  coreutils: [
    ...["[", "base64", "basename", "cat", "chgrp", "chmod", "chown", "chroot", "cp", "cut", "date", "dd", "df"],
    ...["dirname", "du", "echo", "env", "expr", "false", "head", "id", "install", "ln", "ls", "md5sum", "mkdir"],
    ...["mkfifo", "mknod", "mktemp", "mv", "nice", "nproc", "od", "printf", "pwd", "readlink", "realpath", "rm"],
    ...[
      "rmdir",
      "seq",
      "sha256sum",
      "sleep",
      "sort",
      "stat",
      "stdbuf",
      "stty",
      "sync",
      "tail",
      "tee",
      "test",
      "timeout",
    ],
    ...["touch", "tr", "true", "truncate", "tty", "uname", "uniq", "wc", "whoami"],
  ],
  dash: ["sh"],
  diffutils: ["cmp", "diff"],
  dpkg: ["dpkg", "dpkg-deb", "dpkg-query"],
  findutils: ["find", "xargs"],
  grep: ["grep"],
  gzip: ["gzip"],
  hostname: ["hostname"],
  "libc-bin": ["getent", "ldconfig"],
  mount: ["losetup", "mount", "umount"],
  "perl-base": ["perl"],
  sed: ["sed"],
  tar: ["tar"],
  "util-linux": [
    ...[
      "blkid",
      "blockdev",
      "fallocate",
      "findmnt",
      "flock",
      "fsfreeze",
      "fstrim",
      "ionice",
      "lsblk",
      "mkswap",
      "mountpoint",
    ],
    ...["nsenter", "prlimit", "runuser", "setpriv", "setsid", "unshare", "wipefs"],
  ],
};

/**
 * What a person has installed to work here at all, wherever that is. Node is the one that runs the
 * set-up.
 */
export const machinePrograms = ["git", "go", "gofmt"];
