"""What both generations of Azure's services share: shapes of documents, reading, versions. Knows no address."""
