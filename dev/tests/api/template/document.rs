//! Reads `template.yaml` as JSON, with its short functions in the long form: `!Ref X` becomes `{"Ref": "X"}`.

use std::collections::BTreeSet;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

pub(crate) struct Template(Value);

/// One function of the template.
pub(crate) struct Function<'a> {
    /// The binary it runs.
    pub(crate) binary: &'a str,
    /// Its own properties.
    pub(crate) properties: &'a Value,
    template: &'a Value,
}

impl Template {
    pub(crate) fn read() -> Self {
        let documents = Yaml::load_from_str(include_str!("../../../../template.yaml")).unwrap();
        Self(to_json(&documents[0]))
    }

    /// The properties of a resource.
    pub(crate) fn resource(&self, name: &str) -> &Value {
        let resource = &self.0["Resources"][name];
        assert!(!resource.is_null(), "the template has no {name}");
        &resource["Properties"]
    }

    /// The settings of each environment in a mapping.
    pub(crate) fn environments(&self, mapping: &str) -> Vec<(&str, &Value)> {
        let environments = self.0["Mappings"][mapping].as_object().unwrap();
        environments.iter().map(|(name, settings)| (name.as_str(), settings)).collect()
    }

    /// The properties of every resource of a type, by name.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<(&str, &Value)> {
        let resources = self.0["Resources"].as_object().unwrap();
        let wanted = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
        wanted.map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect()
    }

    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let resources = self.0["Resources"].as_object().unwrap().values();
        let functions = resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function");
        functions
            .map(|resource| Function {
                binary: resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap(),
                properties: &resource["Properties"],
                template: &self.0,
            })
            .collect()
    }

    pub(crate) fn function(&self, binary: &str) -> Function<'_> {
        let mut functions = self.functions().into_iter();
        functions
            .find(|function| function.binary == binary)
            .unwrap_or_else(|| panic!("no {binary} is deployed"))
    }
}

impl<'a> Function<'a> {
    /// A numeric property: its own, or else that of `Globals`.
    pub(crate) fn number(&self, name: &str) -> i64 {
        self.properties[name].as_i64().or(self.globals()[name].as_i64()).unwrap()
    }

    fn globals(&self) -> &'a Value {
        &self.template["Globals"]["Function"]
    }

    /// Its reserved concurrency, if concurrency is reserved.
    pub(crate) fn reserved(&self) -> i64 {
        let choice = &self.properties["ReservedConcurrentExecutions"]["Fn::If"];
        assert_eq!(choice[0], "Reserve");
        let path = strings(&choice[1]["Fn::FindInMap"]);
        let found = path.iter().fold(&self.template["Mappings"], |mapping, name| &mapping[name]);
        found.as_str().unwrap().parse().unwrap()
    }

    /// The names of its variables.
    pub(crate) fn variables(&self) -> BTreeSet<&'a str> {
        let own = self.properties["Environment"]["Variables"].as_object().unwrap();
        let global = self.globals()["Environment"]["Variables"].as_object().unwrap();
        own.keys().chain(global.keys()).map(String::as_str).collect()
    }

    /// The statements of its role; a conditional one as if the condition holds.
    pub(crate) fn statements(&self) -> Vec<&'a Value> {
        let policies = self.properties["Policies"].as_array().unwrap();
        let statements = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap());
        statements.map(|statement| statement.pointer("/Fn::If/1").unwrap_or(statement)).collect()
    }
}

/// One string, or a list of them.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn to_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Tagged(tag, value) => {
            let function = match tag.suffix.as_str() {
                plain @ ("Ref" | "Condition") => plain.to_owned(),
                other => format!("Fn::{other}"),
            };
            json!({ function: to_json(value) })
        }
        Yaml::Mapping(pairs) => {
            let pair =
                |(key, value): (&Yaml<'_>, &Yaml<'_>)| (key.as_str().unwrap().to_owned(), to_json(value));
            Value::Object(pairs.iter().map(pair).collect::<Map<_, _>>())
        }
        Yaml::Sequence(values) => values.iter().map(to_json).collect(),
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Value(Scalar::Null) => Value::Null,
        other => panic!("a template has no {other:?}"),
    }
}
