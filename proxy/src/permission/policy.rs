//! What the control plane says of who may call, and what follows from it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::caller::Caller;
use super::path::Path;
use crate::proto::{self, PermissionAction};

/// Who may call the application. Without permissions, and with a default that allows, anybody may.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Policy {
    permissions: Vec<Permission>,
    denies_by_default: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Permission {
    /// `NAMESPACE/NAME`
    name: Arc<str>,
    action: Action,
    ports: Vec<u16>,
    http: Vec<HttpMatch>,
    from: Vec<Caller>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Allow,
    Deny,
    Audit,
}

#[derive(Debug, PartialEq, Eq)]
struct HttpMatch {
    methods: Vec<String>,
    path_prefix: String,
}

/// A request, or a connection of which nothing is known but where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Of the application.
    pub port: u16,
    /// What the client's certificate names.
    pub identity: Option<&'a Arc<str>>,
    /// Where the connection comes from.
    pub client: SocketAddr,
    pub http: Option<HttpCall<'a>>,
}

/// What is known of a request beside.
#[derive(Debug, Clone, Copy)]
pub struct HttpCall<'a> {
    pub method: &'a str,
    /// Path and query as they were sent.
    pub path: &'a str,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The permission that allows it; the default when there is none.
    Allowed(Option<Arc<str>>),
    Denied(Denial),
}

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// A permission refuses it.
    By(Arc<str>),
    /// There are permissions that allow others.
    NotAllowed,
    /// No permission is for the port, and the mesh's default is to refuse.
    ByDefault,
}

impl Denial {
    /// The permission that refuses, `NAMESPACE/NAME`; empty when none does.
    pub fn permission(&self) -> &str {
        match self {
            Self::By(permission) => permission,
            Self::NotAllowed | Self::ByDefault => "",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(permission) => write!(f, "by {permission}"),
            Self::NotAllowed => f.write_str("as no permission allows it"),
            Self::ByDefault => f.write_str("by the mesh's default"),
        }
    }
}

impl Policy {
    /// What does not make sense is left out, and said so in the log.
    pub(crate) fn from_proto(policy: proto::InboundPolicy) -> Self {
        let denies_by_default = policy.default_action() == PermissionAction::Deny;
        let permissions = policy.permissions.into_iter().filter_map(Permission::from_proto).collect();
        Self { permissions, denies_by_default }
    }

    /// How many permissions it has.
    pub(crate) fn count(&self) -> usize {
        self.permissions.len()
    }

    /// Whether it would make no difference to ask.
    pub fn allows_everything(&self) -> bool {
        self.permissions.is_empty() && !self.denies_by_default
    }

    /// A permission that denies wins over those that allow.
    pub(super) fn verdict(&self, call: &Call<'_>) -> Verdict {
        let mut is_allowed_for_some = false;
        let mut allowed = None;
        for permission in self.permissions.iter().filter(|permission| permission.is_for(call.port)) {
            match permission.action {
                Action::Deny if permission.may_match(call) => {
                    return Verdict::Denied(Denial::By(Arc::clone(&permission.name)));
                }
                Action::Allow => {
                    is_allowed_for_some = true;
                    if allowed.is_none() && permission.surely_matches(call) {
                        allowed = Some(Arc::clone(&permission.name));
                    }
                }
                Action::Deny | Action::Audit => {}
            }
        }
        match allowed {
            Some(permission) => Verdict::Allowed(Some(permission)),
            None if is_allowed_for_some => Verdict::Denied(Denial::NotAllowed),
            None if self.denies_by_default => Verdict::Denied(Denial::ByDefault),
            None => Verdict::Allowed(None),
        }
    }

    /// Whether what is called at `port` of the application is decided about as by `other`, whatever else they say. Of two policies
    /// that mean the same, it may be missed that they do.
    pub(crate) fn decides_like(&self, other: &Self, port: u16) -> bool {
        self.denies_by_default == other.denies_by_default && self.deciding(port).eq(other.deciding(port))
    }

    /// The permissions for a port that refuse or allow, but for the ports that they name.
    fn deciding(&self, port: u16) -> impl Iterator<Item = (&Arc<str>, Action, &[HttpMatch], &[Caller])> {
        let decides =
            move |permission: &&Permission| permission.action != Action::Audit && permission.is_for(port);
        self.permissions
            .iter()
            .filter(decides)
            .map(|Permission { name, action, http, from, .. }| (name, *action, &http[..], &from[..]))
    }

    /// The permissions that only take note of the call.
    pub(super) fn audits(&self, call: &Call<'_>) -> impl Iterator<Item = &Arc<str>> {
        self.permissions
            .iter()
            .filter(|permission| {
                permission.action == Action::Audit
                    && permission.is_for(call.port)
                    && permission.may_match(call)
            })
            .map(|permission| &permission.name)
    }
}

impl Permission {
    fn from_proto(permission: proto::Permission) -> Option<Self> {
        let name = format!("{}/{}", permission.namespace, permission.name);
        let action = match permission.action() {
            PermissionAction::Allow => Action::Allow,
            PermissionAction::Deny => Action::Deny,
            PermissionAction::Audit => Action::Audit,
            PermissionAction::Unspecified => {
                tracing::warn!(permission = name, "permission of an unknown kind is left out");
                return None;
            }
        };
        let http = permission
            .http
            .into_iter()
            .map(|http| HttpMatch { methods: http.methods, path_prefix: http.path_prefix });
        Some(Self {
            name: name.into(),
            action,
            // What is no port is nobody's.
            ports: permission.ports.into_iter().map(|port| u16::try_from(port).unwrap_or(0)).collect(),
            http: http.collect(),
            from: permission.from.into_iter().map(Caller::from_proto).collect(),
        })
    }

    fn is_for(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.contains(&port)
    }

    /// Whether it matches in one reading of the call at least.
    fn may_match(&self, call: &Call<'_>) -> bool {
        self.is_from(call) && self.is_of_http(call, |path, prefix| path.may_be_below(prefix))
    }

    /// Whether it matches however the call is read.
    fn surely_matches(&self, call: &Call<'_>) -> bool {
        self.is_from(call) && self.is_of_http(call, |path, prefix| path.is_surely_below(prefix))
    }

    fn is_from(&self, call: &Call<'_>) -> bool {
        self.from.is_empty() || self.from.iter().any(|caller| caller.is(call))
    }

    fn is_of_http(&self, call: &Call<'_>, is_below: impl Fn(&Path<'_>, &str) -> bool) -> bool {
        if self.http.is_empty() {
            return true;
        }
        let Some(http) = call.http else { return false };
        let path = Path::new(http.path);
        self.http.iter().any(|wanted| {
            (wanted.methods.is_empty() || wanted.methods.iter().any(|method| method == http.method))
                && (wanted.path_prefix.is_empty() || is_below(&path, &wanted.path_prefix))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "spiffe://mesh.local/ns/shop/sa/web";

    fn permission(name: &str, action: PermissionAction) -> proto::Permission {
        proto::Permission {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            action: action.into(),
            ..proto::Permission::default()
        }
    }

    fn from(name: &str, action: PermissionAction, caller: proto::Caller) -> proto::Permission {
        proto::Permission { from: vec![caller], ..permission(name, action) }
    }

    fn policy(default: PermissionAction, permissions: &[proto::Permission]) -> Policy {
        Policy::from_proto(proto::InboundPolicy {
            permissions: permissions.to_vec(),
            default_action: default.into(),
        })
    }

    /// Who decides about a call of HTTP, and how.
    fn decided(policy: &Policy, identity: Option<&str>, port: u16, request: Option<(&str, &str)>) -> String {
        let identity = identity.map(Arc::from);
        let call = Call {
            port,
            identity: identity.as_ref(),
            client: "10.1.2.3:5000".parse().unwrap(),
            http: request.map(|(method, path)| HttpCall { method, path }),
        };
        match policy.verdict(&call) {
            Verdict::Allowed(permission) => {
                format!("allowed {}", permission.as_deref().unwrap_or("by default"))
            }
            Verdict::Denied(denial) => format!("denied {denial}"),
        }
    }

    fn get(policy: &Policy, identity: Option<&str>) -> String {
        decided(policy, identity, 80, Some(("GET", "/")))
    }

    const ALLOW: PermissionAction = PermissionAction::Allow;
    const DENY: PermissionAction = PermissionAction::Deny;

    #[test]
    fn without_permissions_the_default_decides() {
        let open = policy(ALLOW, &[]);
        assert!(open.allows_everything() && Policy::default().allows_everything());
        assert_eq!(get(&open, None), "allowed by default");
        let closed = policy(DENY, &[]);
        assert!(!closed.allows_everything());
        assert_eq!(get(&closed, Some(WEB)), "denied by the mesh's default");
    }

    #[test]
    fn an_allow_closes_its_ports_for_all_others() {
        let web = proto::Caller { identities: vec![WEB.to_owned()], ..proto::Caller::default() };
        let allow = proto::Permission { ports: vec![80], ..from("web", ALLOW, web) };
        for (default, elsewhere) in [(ALLOW, "allowed by default"), (DENY, "denied by the mesh's default")] {
            let policy = policy(default, std::slice::from_ref(&allow));
            assert_eq!(get(&policy, Some(WEB)), "allowed shop/web");
            assert_eq!(get(&policy, None), "denied as no permission allows it");
            assert_eq!(decided(&policy, None, 81, None), elsewhere);
        }
    }

    #[test]
    fn of_two_that_contradict_each_other_the_one_that_denies_wins() {
        let both = [permission("yes", ALLOW), permission("no", DENY)];
        assert_eq!(get(&policy(ALLOW, &both), Some(WEB)), "denied by shop/no");
        let [yes, no] = both;
        assert_eq!(get(&policy(ALLOW, &[no, yes]), Some(WEB)), "denied by shop/no");
    }

    #[test]
    fn one_that_names_nobody_or_makes_no_sense_matches_nobody() {
        let nobody = proto::Caller { nobody: true, ..proto::Caller::default() };
        let no_network = proto::Caller { cidrs: vec!["10.0.0.0/99".to_owned()], ..proto::Caller::default() };
        for caller in [nobody, no_network] {
            let allow = policy(ALLOW, &[from("web", ALLOW, caller.clone())]);
            assert_eq!(get(&allow, Some(WEB)), "denied as no permission allows it");
            assert_eq!(get(&policy(ALLOW, &[from("web", DENY, caller)]), Some(WEB)), "allowed by default");
        }
        let odd = proto::Permission { action: 99, ..permission("odd", ALLOW) };
        assert!(policy(ALLOW, &[odd]).allows_everything());
    }

    #[test]
    fn callers_are_told_by_all_that_is_given_of_them() {
        let text = |text: &str| vec![text.to_owned()];
        let any = proto::Caller::default;
        for (caller, identity, expected) in [
            (any(), None, true),
            (proto::Caller { identities: text(WEB), ..any() }, Some(WEB), true),
            (
                proto::Caller { identities: text(WEB), ..any() },
                Some("spiffe://mesh.local/ns/shop/sa/web2"),
                false,
            ),
            (proto::Caller { identities: text(WEB), ..any() }, None, false),
            (proto::Caller { identities: text("spiffe://mesh.local/ns/shop/*"), ..any() }, Some(WEB), true),
            (proto::Caller { identities: text("spiffe://mesh.local/ns/sho/*"), ..any() }, Some(WEB), false),
            (proto::Caller { identities: text("*"), ..any() }, None, false),
            (proto::Caller { namespaces: text("shop"), ..any() }, Some(WEB), true),
            (proto::Caller { namespaces: text("sho"), ..any() }, Some(WEB), false),
            (
                proto::Caller { namespaces: text("shop"), ..any() },
                Some("spiffe://mesh.local/x/shop/sa/a"),
                false,
            ),
            (proto::Caller { cidrs: text("10.0.0.0/8"), ..any() }, None, true),
            (proto::Caller { cidrs: text("192.168.0.0/16"), ..any() }, None, false),
            (proto::Caller { unauthenticated: Some(true), ..any() }, None, true),
            (proto::Caller { unauthenticated: Some(true), ..any() }, Some(WEB), false),
            (proto::Caller { unauthenticated: Some(false), ..any() }, Some(WEB), true),
            (proto::Caller { cidrs: text("10.0.0.0/8"), namespaces: text("shop"), ..any() }, Some(WEB), true),
            (
                proto::Caller { cidrs: text("11.0.0.0/8"), namespaces: text("shop"), ..any() },
                Some(WEB),
                false,
            ),
        ] {
            let denied =
                get(&policy(ALLOW, &[from("web", DENY, caller.clone())]), identity) == "denied by shop/web";
            assert_eq!(denied, expected, "{caller:?} {identity:?}");
        }
    }

    #[test]
    fn what_is_no_http_matches_no_method_and_no_path() {
        let http = |methods: &[&str], path_prefix: &str| proto::HttpMatch {
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            path_prefix: path_prefix.to_owned(),
        };
        let matching = vec![http(&["GET", "HEAD"], "/api"), http(&["PURGE"], "")];
        let allow = proto::Permission { http: matching.clone(), ..permission("web", ALLOW) };
        let deny = proto::Permission { http: matching, ..permission("web", DENY) };
        for (request, is_matched) in [
            (Some(("GET", "/api/v1?x")), true),
            (Some(("POST", "/api")), false),
            (Some(("get", "/api")), false),
            (Some(("GET", "/apis")), false),
            (Some(("PURGE", "/")), true),
            (None, false),
        ] {
            let allowed = decided(&policy(ALLOW, std::slice::from_ref(&allow)), None, 80, request);
            assert_eq!(allowed == "allowed shop/web", is_matched, "{request:?}");
            let denied = decided(&policy(ALLOW, std::slice::from_ref(&deny)), None, 80, request);
            assert_eq!(denied == "denied by shop/web", is_matched, "{request:?}");
        }
        // Read one way it is below the path, read another way it is not: neither is to anybody's advantage.
        for path in ["/%61pi", "/x/../api", "//api"] {
            let request = Some(("GET", path));
            let allowed = decided(&policy(ALLOW, std::slice::from_ref(&allow)), None, 80, request);
            assert_eq!(allowed, "denied as no permission allows it", "{path}");
            let denied = decided(&policy(ALLOW, std::slice::from_ref(&deny)), None, 80, request);
            assert_eq!(denied, "denied by shop/web", "{path}");
        }
    }

    #[test]
    fn a_change_concerns_the_ports_about_which_is_decided_otherwise() {
        let of_port = |port, permission| proto::Permission { ports: vec![port], ..permission };
        let web = || of_port(80, permission("web", ALLOW));
        let before = policy(ALLOW, &[web()]);
        let added = |more: proto::Permission| policy(ALLOW, &[more, web()]);
        let caller = proto::Caller { unauthenticated: Some(true), ..proto::Caller::default() };
        for (name, after, at_80, at_81) in [
            ("the same", policy(ALLOW, &[web()]), true, true),
            ("none", policy(ALLOW, &[]), false, true),
            ("another default", policy(DENY, &[web()]), false, false),
            ("one for all ports", added(permission("all", DENY)), false, false),
            ("one for another port", added(of_port(81, permission("other", DENY))), true, false),
            ("an audit", added(permission("note", PermissionAction::Audit)), true, true),
            ("for others", policy(ALLOW, &[of_port(80, from("web", ALLOW, caller))]), false, true),
            ("for more ports", policy(ALLOW, &[permission("web", ALLOW)]), true, false),
        ] {
            let same = [80, 81].map(|port| before.decides_like(&after, port));
            assert_eq!(same, [at_80, at_81], "{name}");
        }
    }

    #[test]
    fn an_audit_takes_note_and_decides_nothing() {
        let policy = policy(ALLOW, &[permission("note", PermissionAction::Audit)]);
        assert!(!policy.allows_everything());
        assert_eq!(get(&policy, None), "allowed by default");
        let call = Call { port: 80, identity: None, client: "10.1.2.3:5000".parse().unwrap(), http: None };
        assert_eq!(policy.audits(&call).map(|name| &**name).collect::<Vec<_>>(), ["shop/note"]);
    }
}
