//! What is kept for each namespace that clients are of.

use std::cell::RefCell;
use std::rc::Rc;

/// Clients of more namespaces are taken together, as if nobody knew theirs.
const MAX: usize = 256;

/// One thing for each namespace, made when it is first asked for.
pub(crate) struct ByNamespace<T>(RefCell<Vec<(Box<str>, Rc<T>)>>);

impl<T> Default for ByNamespace<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> ByNamespace<T> {
    pub fn get(&self, namespace: &str, make: impl FnOnce(&str) -> T) -> Rc<T> {
        let mut known = self.0.borrow_mut();
        let find = |known: &[(Box<str>, Rc<T>)], namespace: &str| {
            known.iter().find(|(name, _)| **name == *namespace).map(|(_, thing)| Rc::clone(thing))
        };
        if let Some(thing) = find(&known, namespace) {
            return thing;
        }
        let namespace = if known.len() < MAX { namespace } else { "" };
        find(&known, namespace).unwrap_or_else(|| {
            let thing = Rc::new(make(namespace));
            known.push((namespace.into(), Rc::clone(&thing)));
            thing
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_has_its_own_up_to_a_number() {
        let things = ByNamespace::default();
        let of = |number: usize| things.get(&format!("n{number}"), str::to_owned);
        assert!(Rc::ptr_eq(&of(0), &of(0)));
        assert_eq!(**of(1), *"n1");
        let names: Vec<_> = (0..2 * MAX).map(|number| of(number).to_string()).collect();
        assert_eq!(names[MAX - 1], format!("n{}", MAX - 1));
        assert_eq!(names[MAX], "");
        assert_eq!(things.0.borrow().len(), MAX + 1);
    }
}
