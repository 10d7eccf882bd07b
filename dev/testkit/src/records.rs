//! Makes the table, looks into it and changes it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use shared::config::Env;

use crate::record::{EXPIRATION, ID};
use crate::table::Table;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A record: its attributes by name, numbers as they are written.
pub type Record = BTreeMap<String, String>;

/// The table that `IDEMPOTENCY_TABLE` names.
pub struct Records(Table);

impl Records {
    /// Reads the variables that the functions read.
    pub fn from_env(env: &Env) -> Result<Self> {
        Ok(Self(Table::from_env(env)?))
    }

    /// Makes the table as the template does, unless there is one.
    pub async fn create_table(&self) -> Result<()> {
        let (client, name) = (self.0.client(), self.0.name());
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

    /// Every record.
    pub async fn all(&self) -> Result<Vec<Record>> {
        let scan = self.0.client().scan().table_name(self.0.name()).consistent_read(true).send().await?;
        let text =
            |value: &AttributeValue| value.as_s().or_else(|value| value.as_n()).cloned().unwrap_or_default();
        let record = |item: std::collections::HashMap<String, AttributeValue>| {
            item.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        Ok(scan.items.unwrap_or_default().into_iter().map(record).collect())
    }

    /// Sets an attribute of every record: a text, or with [`Records::set_number`] a number.
    pub async fn set_text(&self, name: &str, value: &str) -> Result<()> {
        self.set(name, &AttributeValue::S(value.to_owned())).await
    }

    /// Sets a numeric attribute of every record.
    pub async fn set_number(&self, name: &str, value: u64) -> Result<()> {
        self.set(name, &AttributeValue::N(value.to_string())).await
    }

    async fn set(&self, name: &str, value: &AttributeValue) -> Result<()> {
        for record in self.all().await? {
            let update = self.0.client().update_item().table_name(self.0.name());
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

    /// Deletes every record, as a table that lost its data.
    pub async fn forget_all(&self) -> Result<()> {
        for record in self.all().await? {
            let delete = self.0.client().delete_item().table_name(self.0.name());
            delete.key(ID, AttributeValue::S(record[ID].clone())).send().await?;
        }
        Ok(())
    }
}
