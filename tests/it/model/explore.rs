//! Goes everywhere within some steps of a beginning, breadth first, and to no state twice.

use std::collections::{BTreeSet, HashSet};

use super::{
    action::Action,
    kinds::kind,
    laws::{Broken, step},
    project,
    world::{Domain, Rules, World},
};

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many states.
    pub states: usize,
    /// How many steps that were not refused.
    pub steps: usize,
    /// How many that were tried.
    pub tried: usize,
    /// The kinds of commands that changed something.
    pub kinds: BTreeSet<&'static str>,
}

/// The shortest way to a broken law.
#[derive(Debug)]
pub struct Counterexample {
    pub broken: Broken,
    pub trace: Vec<Action>,
}

struct Node {
    from: usize,
    action: Option<Action>,
}

/// Where to begin, what to try, and how far to go.
pub struct Field {
    pub name: &'static str,
    pub begin: &'static [Action],
    pub tries: fn(Action) -> bool,
    pub depth: usize,
}

impl Field {
    /// The beginning. Every step of it is one that the domain takes.
    pub fn world(&self) -> World {
        let mut world = World::default();
        for action in self.begin {
            let taken = step(&Domain, &world, *action).map_err(|broken| format!("{broken}"));
            world = taken.unwrap().unwrap_or_else(|| panic!("{action:?} was refused")).world;
        }
        world
    }

    /// Takes these steps from the beginning; what is refused changes nothing.
    ///
    /// # Errors
    /// The first broken law that was met.
    pub fn replay(&self, rules: &impl Rules, trace: &[Action]) -> Result<(), Broken> {
        let mut world = self.world();
        for action in trace {
            world = step(rules, &world, *action)?.map_or(world, |step| step.world);
        }
        Ok(())
    }

    /// # Errors
    /// The first broken law that was met.
    pub fn explore(&self, rules: &impl Rules) -> Result<Seen, Box<Counterexample>> {
        let mut seen = Seen::default();
        let mut nodes = vec![Node { from: 0, action: None }];
        let begin = self.world();
        let mut known = HashSet::from([project::key(&begin)]);
        let mut edge = vec![(0, begin)];
        for _ in 0..self.depth {
            let mut next = vec![];
            for (from, world) in edge {
                for action in Action::all(&world).into_iter().filter(|action| (self.tries)(*action))
                {
                    seen.tried += 1;
                    let step = step(rules, &world, action).map_err(|broken| {
                        let trace = trace(&nodes, from, action);
                        Box::new(Counterexample { broken, trace })
                    })?;
                    let Some(step) = step else { continue };
                    seen.steps += 1;
                    if step.events > 0 {
                        seen.kinds.extend(step.command.as_ref().map(kind));
                    }
                    if known.insert(project::key(&step.world)) {
                        nodes.push(Node { from, action: Some(action) });
                        next.push((nodes.len() - 1, step.world));
                    }
                }
            }
            edge = next;
        }
        seen.states = known.len();
        Ok(seen)
    }
}

fn trace(nodes: &[Node], mut at: usize, last: Action) -> Vec<Action> {
    let mut trace = vec![last];
    while let Some(action) = nodes[at].action {
        trace.push(action);
        at = nodes[at].from;
    }
    trace.reverse();
    trace
}
