//! The `DynamoDB` table of idempotent writes, for tests: creates it, reads its records and changes them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use aws_smithy_http_client::Builder;

use crate::context::TestContext;

/// The key.
const ID: &str = "id";
/// The attribute with the time to live.
const EXPIRATION: &str = "expiration";

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// The attributes of a record by name; numbers are in decimal notation.
pub type Record = BTreeMap<String, String>;

/// The table that `IDEMPOTENCY_TABLE` names.
pub struct Records {
    client: Client,
    table: String,
}

impl Records {
    /// The table of `context`, on the server that its `AWS_ENDPOINT_URL_DYNAMODB` names.
    #[must_use]
    pub fn of(context: &TestContext) -> Self {
        Self::on_stack(context.variables())
    }

    /// The table of a stack with these variables.
    #[must_use]
    pub fn on_stack(variables: &BTreeMap<String, String>) -> Self {
        let variable = |name: &str| variables.get(name).map_or("", String::as_str);
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(variable("AWS_REGION").to_owned()))
            .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
            .endpoint_url(variable("AWS_ENDPOINT_URL_DYNAMODB"))
            .http_client(Builder::new().build_http());
        let table = variable("IDEMPOTENCY_TABLE").to_owned();
        Self { client: Client::from_conf(config.build()), table }
    }

    /// Creates the table as in `template.yaml`, unless it exists.
    pub async fn create_table(&self) -> Result<()> {
        let (client, name) = (&self.client, &self.table);
        let id = AttributeDefinition::builder().attribute_name(ID).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(ID).key_type(KeyType::Hash);
        let created = client
            .create_table()
            .table_name(name)
            .attribute_definitions(id.build()?)
            .key_schema(key.build()?)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error)
                if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) =>
            {
                return Ok(());
            }
            Err(error) => return Err(DisplayErrorContext(error).to_string().into()),
        }
        let ttl = TimeToLiveSpecification::builder().attribute_name(EXPIRATION).enabled(true).build()?;
        client.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await?;
        Ok(())
    }

    /// All records.
    pub async fn all(&self) -> Result<Vec<Record>> {
        // An answer to a scan holds 1 MB at most.
        let scan = self.client.scan().table_name(&self.table).consistent_read(true).into_paginator();
        let items: Vec<_> = scan.items().send().collect::<Result<_, _>>().await?;
        let text =
            |value: &AttributeValue| value.as_s().or_else(|value| value.as_n()).cloned().unwrap_or_default();
        let record = |item: std::collections::HashMap<String, AttributeValue>| {
            item.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        Ok(items.into_iter().map(record).collect())
    }

    /// Sets a string attribute of every record.
    pub async fn set_text(&self, name: &str, value: &str) -> Result<()> {
        self.set(name, &AttributeValue::S(value.to_owned())).await
    }

    /// Sets a number attribute of every record.
    pub async fn set_number(&self, name: &str, value: u64) -> Result<()> {
        self.set(name, &AttributeValue::N(value.to_string())).await
    }

    async fn set(&self, name: &str, value: &AttributeValue) -> Result<()> {
        for record in self.all().await? {
            let update = self.client.update_item().table_name(&self.table);
            update
                .key(ID, AttributeValue::S(record[ID].clone()))
                .update_expression("set #name = :value")
                .expression_attribute_names("#name", name)
                .expression_attribute_values(":value", value.clone())
                .send()
                .await?;
        }
        Ok(())
    }

    /// Deletes all records, as if the table had lost its data.
    pub async fn delete_all(&self) -> Result<()> {
        for record in self.all().await? {
            let delete = self.client.delete_item().table_name(&self.table);
            delete.key(ID, AttributeValue::S(record[ID].clone())).send().await?;
        }
        Ok(())
    }
}
