/** Who may order root's steps, beside root: the user that control runs as (systemd/sysusers.d). */
export const ORDERING_USER = "builder-control";
