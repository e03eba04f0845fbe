//! Names of tables and columns, as Kamailio's modules have them and let them be changed.

/// The table of `auth_db`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberColumns {
    /// The table.
    pub table: String,
    /// `user_column`
    pub user: String,
    /// `domain_column`
    pub domain: String,
    /// The column of plain passwords, read if `calculate_ha1`: `password_column` then.
    pub password: String,
    /// The column of HA1, read if not `calculate_ha1`: `password_column` then.
    pub ha1: String,
    /// The column of HA1 with the domain in the user name: `password_column_2`.
    pub ha1b: String,
    /// True if the passwords are kept in plain.
    pub calculate_ha1: bool,
}

impl Default for SubscriberColumns {
    fn default() -> SubscriberColumns {
        SubscriberColumns {
            table: "subscriber".to_owned(),
            user: "username".to_owned(),
            domain: "domain".to_owned(),
            password: "password".to_owned(),
            ha1: "ha1".to_owned(),
            ha1b: "ha1b".to_owned(),
            calculate_ha1: false,
        }
    }
}

/// The address table of `permissions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressColumns {
    /// `address_table`
    pub table: String,
    /// `grp_col`
    pub group: String,
    /// `ip_addr_col`
    pub address: String,
    /// `mask_col`
    pub mask: String,
    /// `port_col`
    pub port: String,
    /// `tag_col`
    pub tag: String,
}

impl Default for AddressColumns {
    fn default() -> AddressColumns {
        AddressColumns {
            table: "address".to_owned(),
            group: "grp".to_owned(),
            address: "ip_addr".to_owned(),
            mask: "mask".to_owned(),
            port: "port".to_owned(),
            tag: "tag".to_owned(),
        }
    }
}

/// The table of `dispatcher`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatcherColumns {
    /// `table_name`
    pub table: String,
    /// `setid_col`
    pub set: String,
    /// `destination_col`
    pub destination: String,
    /// `flags_col`
    pub flags: String,
    /// `priority_col`
    pub priority: String,
    /// `attrs_col`
    pub attributes: String,
}

impl Default for DispatcherColumns {
    fn default() -> DispatcherColumns {
        DispatcherColumns {
            table: "dispatcher".to_owned(),
            set: "setid".to_owned(),
            destination: "destination".to_owned(),
            flags: "flags".to_owned(),
            priority: "priority".to_owned(),
            attributes: "attrs".to_owned(),
        }
    }
}

/// A table of `htable`: the `dbtable` of a hash table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashTableColumns {
    /// `dbtable`
    pub table: String,
    /// `key_name_column`
    pub key: String,
    /// `key_type_column`
    pub key_type: String,
    /// `value_type_column`
    pub value_type: String,
    /// `key_value_column`
    pub value: String,
    /// `expires_column`
    pub expires: String,
    /// `array_size_suffix`
    pub array_size_suffix: String,
}

impl Default for HashTableColumns {
    fn default() -> HashTableColumns {
        HashTableColumns {
            table: "htable".to_owned(),
            key: "key_name".to_owned(),
            key_type: "key_type".to_owned(),
            value_type: "value_type".to_owned(),
            value: "key_value".to_owned(),
            expires: "expires".to_owned(),
            array_size_suffix: "::size".to_owned(),
        }
    }
}

impl HashTableColumns {
    /// The usual columns of another table.
    pub fn of_table(table: &str) -> HashTableColumns {
        HashTableColumns {
            table: table.to_owned(),
            ..HashTableColumns::default()
        }
    }
}
